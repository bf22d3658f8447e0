package fleet

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

// namedNodes is how many nodes a notice names.
const namedNodes = 8

// toldOnce makes one of the notices that tell the same of several nodes: a hundred lines in a
// panel's corner nobody reads. A notice about one node begins with its name and a colon.
func toldOnce(notices []data.Notice, nodes []concern.Watched) []data.Notice {
	type same struct {
		data.Notice
		nodes []string
	}
	named := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		named[node.Name] = true
	}
	var all []*same
	known := map[data.Notice]*same{}
	for _, notice := range notices {
		// A name can have a colon itself.
		name, text, about := "", "", false
		for at := 0; !about; {
			next := strings.Index(notice.Text[at:], ": ")
			if next < 0 {
				break
			}
			name, text = notice.Text[:at+next], notice.Text[at+next+2:]
			about = named[name]
			at += next + 2
		}
		if !about {
			all = append(all, &same{Notice: notice})
			continue
		}
		notice.Text = text
		one := known[notice]
		if one == nil {
			one = &same{Notice: notice}
			known[notice] = one
			all = append(all, one)
		}
		one.nodes = append(one.nodes, name)
	}
	merged := make([]data.Notice, len(all))
	for i, one := range all {
		merged[i] = one.Notice
		if len(one.nodes) == 0 {
			continue
		}
		names := strings.Join(one.nodes[:min(len(one.nodes), namedNodes)], ", ")
		if more := len(one.nodes) - namedNodes; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		merged[i].Text = names + ": " + one.Text
	}
	return merged
}
