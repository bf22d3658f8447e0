package logsource

import "fmt"

// forbidden says which account needs which right: Windows' access lists have no
// owner and mode to show.
func forbidden(path string, cause error) *Trouble {
	return &Trouble{
		Kind: Forbidden, Path: path, Err: cause,
		Reason: fmt.Sprintf("%s may not be read by the account that Grafana runs as", path),
		Mend:   fmt.Sprintf(`run as administrator: icacls "%s" /grant "NT AUTHORITY\NETWORK SERVICE:R" (or the account of the Grafana service)`, path),
	}
}
