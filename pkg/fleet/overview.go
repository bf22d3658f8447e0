package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// overviewType is one row: what stands at the top of a dashboard beside the verdict, as
// numbers to be coloured and texts to be read.
var overviewType = concern.Type{Name: "overview", Formats: []concern.Format{concern.Table}}

// said is one tile: how grave it is, and what it says.
type said struct {
	severity conditions.Severity
	text     string
}

func (f *Fleet) overview(request concern.Request) (data.Frames, error) {
	active := slices.DeleteFunc(slices.Clone(request.Watched), func(n concern.Watched) bool { return n.Retired })
	audits, downtime := smallest{metric: "failed_audits_left"}, smallest{metric: "downtime_left_seconds"}
	for _, node := range active {
		b, err := budgetsOf(request, node)
		if err != nil {
			return nil, err
		}
		old := oldScores(b.at, request)
		audits.take(node.Name, b.audits, old, request.Settings.Thresholds)
		downtime.take(node.Name, b.downtime, old, request.Settings.Thresholds)
	}
	reach, watch := nodesUp(active, request.Now), f.theWatch(active, request)
	severity := func(name string, of conditions.Severity) *data.Field {
		return frames.Column(name, severityColors(), []float64{float64(of)})
	}
	text := func(name, text string) *data.Field { return data.NewField(name, nil, []string{text}) }
	left := func(of smallest) *data.Field {
		return frames.Column(of.metric, reputation.ConfigOf(of.metric, request.Settings.Thresholds), []*float64{of.value()})
	}
	return data.Frames{frames.Table(overviewType.Name,
		severity("nodes_severity", reach.severity),
		text("nodes_text", reach.text),
		left(audits),
		text("failed_audits_left_of", audits.orSay(noScores(active))),
		left(downtime),
		text("downtime_left_of", downtime.orSay(noScores(active))),
		severity("watch_severity", watch.severity),
		text("watch_text", watch.text),
	)}, nil
}

// smallest is the smallest budget of all nodes, and whose. What was said long ago is no
// reason to be content, but it is one to worry.
type smallest struct {
	metric   string
	now, old least // satellite is also whose
}

func (s *smallest) take(node string, of least, old string, limits settings.Thresholds) {
	if of.satellite == "" {
		return
	}
	whose := node + " (" + of.satellite + ")" + old
	if old == "" || !reputation.Content(s.metric, of.left, limits) {
		s.now.take(of.left, whose)
		return
	}
	s.old.take(of.left, whose)
}

func (s *smallest) value() *float64 {
	if s.now.satellite == "" {
		return nil
	}
	return &s.now.left
}

func (s *smallest) orSay(otherwise string) string {
	switch {
	case s.now.satellite != "":
		return s.now.satellite
	case s.old.satellite != "":
		return "only of old: " + s.old.satellite
	}
	return otherwise
}

// noScores says since when scores are waited for.
func noScores(active []concern.Watched) string {
	since := time.Time{}
	for _, node := range active {
		if since.IsZero() || node.Since.Before(since) {
			since = node.Since
		}
	}
	if since.IsZero() {
		return "no scores yet"
	}
	return "collecting since " + since.UTC().Format("15:04 UTC") + ", no scores yet"
}

// oldScores says of when scores are that are not of now.
func oldScores(at time.Time, request concern.Request) string {
	if age := request.Now.Sub(at); age > reputation.StaleAfter(request.Settings.Poll.Scores) {
		return ", " + ago(age)
	}
	return ""
}

// freshLine is how old the newest line of a log is that proves that its node runs.
const freshLine = 10 * time.Minute

// nodesUp says how many nodes run, and which do not.
func nodesUp(active []concern.Watched, now time.Time) said {
	var missing, sought []string
	for _, node := range active {
		switch {
		case node.State == concern.Connected, node.State == concern.Slow, now.Sub(node.Evidence.Last[concern.AnyLine]) < freshLine:
		case node.State == concern.Unreachable:
			missing = append(missing, node.Name)
		default:
			sought = append(sought, node.Name)
		}
	}
	all := len(active)
	up := all - len(missing) - len(sought)
	switch {
	case all == 0:
		return said{conditions.NotWatched, "No node is configured"}
	case len(missing) > 0:
		return said{conditions.Critical, fmt.Sprintf("%d of %d up, missing: %s", up, all, fleetNames(missing))}
	case len(sought) > 0:
		return said{conditions.NotWatched, fmt.Sprintf("%d of %d up, looking for %s", up, all, fleetNames(sought))}
	case all == 1:
		return said{conditions.OK, active[0].Name + " is up"}
	}
	return said{conditions.OK, fmt.Sprintf("All %d up", all)}
}

// behindBytes is how much of a log may wait to be read without a word.
const behindBytes = 1 << 20

// theWatch says whether what is shown is of now: the oldest poll, and how far the logs are read.
func (f *Fleet) theWatch(active []concern.Watched, request concern.Request) said {
	now := request.Now
	if len(active) == 0 {
		return said{conditions.NotWatched, "Nothing to watch"}
	}
	var late, unheard, behind []string
	oldest, oldestOf, waiting := time.Duration(0), "", time.Time{}
	most, logs := int64(0), 0
	for _, node := range active {
		age := now.Sub(node.Answered)
		switch {
		case !node.Answered.IsZero() && age <= max(2*request.Settings.Poll.Status, 2*time.Minute):
			if age >= oldest {
				oldest, oldestOf = age, node.Name
			}
		case node.Answered.IsZero() && now.Sub(node.Since) < request.Settings.BackgroundTimeout && node.Trouble == "":
			waiting = node.Since
		case node.API == "" && node.Answered.IsZero() && node.Evidence.Sees(concern.AnyLine, now):
			// It is watched by its log alone.
		case node.Answered.IsZero():
			late = append(late, node.Name+" (never)")
		default:
			late = append(late, node.Name+" ("+ago(age)+")")
		}
		switch {
		case !node.Evidence.HasLog && node.LogTrouble == "":
			continue
		case node.LogTrouble != "":
			unheard = append(unheard, node.Name)
		case node.LogBehind > behindBytes:
			behind = append(behind, node.Name)
		}
		logs++
		most = max(most, node.LogBehind)
	}
	judged := f.judged.Load()
	var wrong []string
	if len(late) > 0 {
		wrong = append(wrong, "Not polled: "+fleetNames(late))
	}
	if len(unheard) > 0 {
		wrong = append(wrong, "Log not read: "+fleetNames(unheard))
	}
	if len(behind) > 0 {
		wrong = append(wrong, fmt.Sprintf("Reading logs, %s to go: %s", size(most), fleetNames(behind)))
	}
	switch {
	case len(late)+len(unheard) > 0:
		return said{conditions.Warning, strings.Join(wrong, ". ")}
	case !waiting.IsZero():
		return said{conditions.NotWatched, "Collecting since " + waiting.UTC().Format("15:04 UTC") + ", scores follow at the next poll"}
	case judged != 0 && now.Sub(time.Unix(0, judged)) > freshLine:
		return said{conditions.NotWatched, "Conditions last judged " + ago(now.Sub(time.Unix(0, judged)))}
	case len(behind) > 0:
		return said{conditions.Info, wrong[0]}
	}
	text := "Logs read to their ends"
	if logs == 0 {
		text = "No log is given"
	}
	if oldestOf != "" {
		text = "Oldest poll " + ago(oldest) + ". " + text
	}
	return said{conditions.OK, text}
}

// severityColors colours a tile by how grave it is.
func severityColors() *data.FieldConfig {
	return &data.FieldConfig{Thresholds: frames.Thresholds("#808080", frames.From(0, "green"), frames.From(1, "blue"), frames.From(2, "orange"), frames.From(3, "red"))}
}

// ago is a time that has passed, in its largest unit.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}} {
		if d >= 2*unit.of {
			return fmt.Sprintf("%d %s ago", d/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%d s ago", max(d, 0)/time.Second)
}

// size is a number of bytes in its largest unit.
func size(bytes int64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
