package settings

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// alerts reads the settings of the conditions.
func (o *object) alerts(standIn Alerts) Alerts {
	given, ok := o.object("alerts")
	if !ok {
		return standIn
	}
	read := Alerts{
		Flapping:           minutes(given.wholeNumber("flappingMinutes", flappingBounds)),
		FullDiskIsAProblem: given.boolean("fullDiskIsAProblem", standIn.FullDiskIsAProblem),
	}
	const mend = "write the URL that is to be asked in quotes, beginning with http:// or https://, or remove the key; until then there is no heartbeat"
	if heartbeat, ok := given.text("heartbeatUrl", mend); ok && heartbeat != "" {
		if reason := checkHeartbeat(heartbeat); reason != "" {
			given.refuse("heartbeatUrl", reason, mend)
		} else {
			read.Heartbeat = heartbeat
		}
	}
	given.warnOfOthers()
	return read
}

// checkHeartbeat says what keeps a text from being the URL of a heartbeat. It
// repeats nothing of it: whoever has the URL can pretend to be this monitor.
func checkHeartbeat(text string) (reason string) {
	address, err := url.Parse(text)
	switch {
	case !utf8.ValidString(text):
		return "the URL is not valid UTF-8"
	case len(text) > longestAPI:
		return fmt.Sprintf("the URL has %d bytes, more than %d", len(text), longestAPI)
	case err != nil:
		return "the URL cannot be read"
	case !strings.EqualFold(address.Scheme, "http") && !strings.EqualFold(address.Scheme, "https"):
		return "the URL does not begin with http:// or https://"
	case address.Hostname() == "":
		return "the URL has no host"
	case checkHost(address.Hostname()) != "":
		return "the host of the URL is neither a name nor an address"
	}
	if _, port, found := strings.Cut(afterHost(address.Host), ":"); found {
		if _, wrong := parsePort(port); wrong != "" {
			return "the port of the URL is outside 1-65535"
		}
	}
	return ""
}
