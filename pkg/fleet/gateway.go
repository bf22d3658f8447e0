package fleet

import (
	"bufio"
	"encoding/hex"
	"net"
	"os"
	"strings"
)

// defaultGateway is the address that a container's packets leave by, which on a
// bridge network is the host. It is "" where that cannot be told.
func defaultGateway() string {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 3 || fields[1] != "00000000" {
			continue
		}
		if b, err := hex.DecodeString(fields[2]); err == nil && len(b) == 4 {
			return net.IPv4(b[3], b[2], b[1], b[0]).String()
		}
	}
	return ""
}
