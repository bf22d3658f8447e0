package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
)

// breakdownType is the query type that says why the numbers differ: what the satellites pay for
// is less than what the disk holds.
const breakdownType = "storage_breakdown"

// parts of what is on a node's disk. What a satellite pays for, what of it is garbage that was
// not collected yet, the trash and what can be reclaimed add up to what is used.
type breakdown struct {
	paidAverage, paid, stored, uncollected, trash, reclaimable, used, free, allocated float64
}

func (b *breakdown) each() [9]*float64 {
	return [...]*float64{&b.paidAverage, &b.paid, &b.stored, &b.uncollected, &b.trash, &b.reclaimable, &b.used, &b.free, &b.allocated}
}

var partsOf = [...]struct{ name, description string }{
	{paidAverageMetric, "what the satellites pay for: the average of the month so far, by their count"},
	{paidMetric, "what they pay for of the last day that they counted"},
	{"stored_bytes", "the pieces on the disk, as the node counts them"},
	{"uncollected_bytes", "stored and not paid for: deleted by customers and not collected yet, or not counted by the satellites yet"},
	{"trash_bytes", "collected as garbage, kept for a week in case that was wrong, and not paid for"},
	{"reclaimable_bytes", "deleted, and on the disk until a compaction frees it"},
	{usedMetric, "all that the node has in the file system"},
	{"free_bytes", "left for uploads"},
	{"allocated_bytes", "what the operator gives"},
}

func partNames() []string {
	names := make([]string, len(partsOf))
	for i, p := range partsOf {
		names[i] = p.name
	}
	return names
}

// plus adds what is known of another node. What can be reclaimed old nodes do not say.
func (c breakdown) plus(other breakdown) breakdown {
	a, b := c.each(), other.each()
	for i := range a {
		switch {
		case a[i] == &c.reclaimable && *b[i] != *b[i]:
		case a[i] == &c.reclaimable && *a[i] != *a[i]:
			*a[i] = *b[i]
		default:
			*a[i] += *b[i]
		}
	}
	return c
}

// breakdownRow is a node, or all of them.
type breakdownRow struct {
	node string
	breakdown
	paidUntil time.Time // the end of the oldest last day that a satellite counted
	at        time.Time
}

func breakdownOf(n knownNode, paid paid, now time.Time) breakdownRow {
	nan := math.NaN()
	r := breakdownRow{node: n.Name, breakdown: breakdown{nan, nan, nan, nan, nan, nan, nan, nan, nan}}
	for _, s := range paid.Satellites {
		last, ok := s.last()
		if !ok {
			continue
		}
		if r.paid != r.paid {
			r.paid, r.paidAverage = 0, 0
		}
		if !s.pays(n.lastHeard(now)) {
			continue
		}
		average, _ := s.average()
		r.paid += last.Bytes
		r.paidAverage += average
		until := last.Start.Add(day)
		if until.After(now) {
			until = now // of today it has counted what there was until now, at most
		}
		if r.paidUntil.IsZero() || until.Before(r.paidUntil) {
			r.paidUntil = until
		}
	}
	if n.polled {
		s := n.now()
		r.at = n.latest.At
		r.stored, r.trash, r.used, r.free, r.allocated = s.pieces, s.trash, s.used, s.free, s.allocated
		r.reclaimable = s.reclaimable
		r.uncollected = r.stored - r.paid
	} else if n.listed {
		r.free, r.at = float64(n.heard.Free), n.heard.At
	}
	return r
}

// because is the largest part of what is used and not paid for, in words.
func (r breakdownRow) because() string {
	if r.used != r.used {
		return "the node's API does not say what is on the disk"
	}
	if r.paid != r.paid {
		return "no satellite has counted yet"
	}
	unpaid := r.used - r.paid
	if unpaid <= 0.01*r.used {
		return "what is used is paid for"
	}
	parts := []struct {
		bytes float64
		words string
	}{
		{r.uncollected, "are garbage that is not collected yet, or not counted by the satellites yet"},
		{r.trash, "are trash, deleted after a week"},
		{r.reclaimable, "wait for compactions"},
	}
	slices.SortStableFunc(parts, func(a, b struct {
		bytes float64
		words string
	}) int {
		return cmp.Compare(b.bytes, a.bytes)
	})
	var texts []string
	for _, p := range parts {
		if p.bytes > 0.01*r.used {
			texts = append(texts, bytesText(p.bytes)+" "+p.words)
		}
	}
	return fmt.Sprintf("%s are not paid for: %s", bytesText(unpaid), strings.Join(texts, ", "))
}

func answerBreakdown(request concern.Request) (data.Frames, error) {
	groups, err := groupsOf(request.Query.GroupBy, []string{byNode})
	if err != nil {
		return nil, err
	}
	total := len(groups) == 0
	var rows []breakdownRow
	var notices []data.Notice
	for _, node := range request.Watched {
		n := knownNode{Watched: node, disk: read(request.Store, node.Node)}
		paid := readPaid(request.Store, node.Node)
		r := breakdownOf(n, paid, request.Now)
		if (n.ever() || r.paid == r.paid) && !(total && node.Retired) {
			rows = append(rows, r)
		}
		if node.Retired {
			continue
		}
		text, severity := silence(n, request)
		if total && n.ever() && !n.polled {
			text += withoutIt
		}
		if text == "" && r.paid != r.paid {
			text, severity = node.Name+": no satellite has said yet what it stores: it does so a day after the first upload, and at the beginning of a month", data.NoticeSeverityInfo
			if total {
				text += "; what all nodes are paid for is without it"
			}
		}
		if late := paid.late(n.lastHeard(request.Now), request.Now); text == "" && late != "" {
			text, severity = node.Name+": "+late, data.NoticeSeverityInfo
		}
		if text != "" {
			notices = append(notices, data.Notice{Severity: severity, Text: text})
		}
	}
	if total && len(rows) > 0 {
		// As in capacity, a node without an API does not hide what the others use: it counts with
		// what is free, and comes last.
		slices.SortStableFunc(rows, func(x, y breakdownRow) int {
			switch unseen := x.used != x.used; {
			case unseen == (y.used != y.used):
				return 0
			case unseen:
				return 1
			}
			return -1
		})
		countPaid(rows)
		sum := rows[0]
		for _, r := range rows[1:] {
			if r.used != r.used && sum.used == sum.used {
				if r.free == r.free { // else its API has not looked at the disk yet
					sum.free += r.free
				}
				continue
			}
			sum.breakdown = sum.plus(r.breakdown)
			if sum.paidUntil.IsZero() || !r.paidUntil.IsZero() && r.paidUntil.Before(sum.paidUntil) {
				sum.paidUntil = r.paidUntil
			}
			if r.at.Before(sum.at) {
				sum.at = r.at
			}
		}
		sum.node = "all nodes"
		rows = []breakdownRow{sum}
	}
	result := breakdownFrames(request, rows, total)
	if len(notices) > 0 {
		result[0].AppendNotices(notices...)
	}
	return result, nil
}

// countPaid lets nodes that no satellite has counted yet stand beside others that were counted: all
// of what they store is not counted yet.
func countPaid(rows []breakdownRow) {
	if !slices.ContainsFunc(rows, func(r breakdownRow) bool { return r.paid == r.paid && r.used == r.used }) {
		return
	}
	for i := range rows {
		if r := &rows[i]; r.used == r.used && r.paid != r.paid {
			r.paid, r.paidAverage, r.uncollected = 0, 0, r.stored
		}
	}
}

func breakdownFrames(request concern.Request, rows []breakdownRow, total bool) data.Frames {
	config := func(i int) *data.FieldConfig {
		config := &data.FieldConfig{Unit: bytesUnit, Description: partsOf[i].description}
		return config.SetDecimals(2)
	}
	if request.Query.Format == concern.Instant {
		var result data.Frames
		dimensions := []string{byNode}
		if total {
			dimensions = nil
		}
		for i, p := range partsOf {
			if !request.Query.WantsMetric(p.name) {
				continue
			}
			frame := frames.NewLong(breakdownType, p.name, config(i), dimensions...)
			for _, r := range rows {
				if v := *r.each()[i]; v == v {
					frame.Add(v, []string{r.node}[:len(dimensions)]...)
				}
			}
			result = append(result, frame.Frame())
		}
		return result
	}
	fields := []*data.Field{frames.Column("node_name", nil, frames.Each(rows, func(r breakdownRow) string { return r.node }))}
	for i, p := range partsOf {
		if request.Query.WantsMetric(p.name) {
			fields = append(fields, frames.Column(p.name, config(i), frames.Each(rows, func(r breakdownRow) *float64 {
				if v := *r.each()[i]; v == v {
					return &v
				}
				return nil
			})))
		}
	}
	fields = append(fields,
		frames.Column("because", nil, frames.Each(rows, breakdownRow.because)),
		frames.Column("paid_until", nil, frames.Each(rows, func(r breakdownRow) *time.Time { return frames.Optional(r.paidUntil) })),
		frames.Column("timestamp", nil, frames.Each(rows, func(r breakdownRow) *time.Time { return frames.Optional(r.at.UTC()) })),
	)
	return data.Frames{frames.Table(breakdownType, fields...)}
}
