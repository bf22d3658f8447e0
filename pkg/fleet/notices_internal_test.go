package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestNoticesOfManyNodesAreOne(t *testing.T) {
	var nodes []concern.Watched
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "with: colon"} {
		nodes = append(nodes, concern.Watched{Node: concern.Node{Node: settings.Node{Name: name}}})
	}
	notice := func(severity data.NoticeSeverity, text string) data.Notice {
		return data.Notice{Severity: severity, Text: text}
	}
	const info, warning = data.NoticeSeverityInfo, data.NoticeSeverityWarning
	var ten []data.Notice
	for _, node := range nodes[:10] {
		ten = append(ten, notice(info, node.Name+": dark: no lamp"))
	}
	for name, c := range map[string]struct{ given, want []data.Notice }{
		"none": {nil, []data.Notice{}},
		"one":  {[]data.Notice{notice(info, "a: dark")}, []data.Notice{notice(info, "a: dark")}},
		"the same of two, and something else": {
			[]data.Notice{notice(info, "a: dark"), notice(info, "a: cold"), notice(info, "b: dark")},
			[]data.Notice{notice(info, "a, b: dark"), notice(info, "a: cold")},
		},
		"not as grave":           {[]data.Notice{notice(info, "a: dark"), notice(warning, "b: dark")}, []data.Notice{notice(info, "a: dark"), notice(warning, "b: dark")}},
		"about no node":          {[]data.Notice{notice(info, "only 3 are shown: of 7"), notice(info, "only 3 are shown: of 7")}, []data.Notice{notice(info, "only 3 are shown: of 7"), notice(info, "only 3 are shown: of 7")}},
		"a name with a colon":    {[]data.Notice{notice(info, "with: colon: dark"), notice(info, "c: dark")}, []data.Notice{notice(info, "with: colon, c: dark")}},
		"more than one can read": {ten, []data.Notice{notice(info, "a, b, c, d, e, f, g, h and 2 more: dark: no lamp")}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, toldOnce(c.given, nodes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
