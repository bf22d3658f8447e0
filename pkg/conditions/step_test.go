package conditions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

type severities = map[string]conditions.Severity

// moment is one step of a story: what happens first, and what then is so.
type moment struct {
	does func(w *world)
	wait time.Duration // a minute where it is 0
	told []string      // since the last moment
	is   severities    // what is not ok, and every satellite's row
}

// stories are lives of conditions. Each is told twice, once with a restart before and after
// every moment.
var stories = []struct {
	name    string
	moments []moment
}{
	{"raised, worse, better, cleared", []moment{
		{does: findNothing},
		{does: finds(found("down", warning, "A", "")), told: []string{"12:02 raised warning down@A"}, is: severities{"down@A": warning}},
		{does: finds(found("down", warning, "A", "")), wait: time.Hour, is: severities{"down@A": warning}},
		{does: finds(found("down", critical, "A", "")), told: []string{"13:03 worse critical down@A"}, is: severities{"down@A": critical}},
		{does: finds(found("down", warning, "A", "")), wait: 5 * time.Minute, is: severities{"down@A": critical}},
		{told: []string{"13:09 better warning down@A"}, is: severities{"down@A": warning}},
		{does: findNothing, wait: 5 * time.Minute, is: severities{"down@A": warning}},
		{told: []string{"13:15 cleared ok down@A"}},
		{wait: 24 * time.Hour},
	}},
	{"another message and value are no change", []moment{
		{does: finds(found("down", warning, "A", us1)), told: []string{"12:01 raised warning down@A/us1"}, is: severities{"down@A/us1": warning}},
		{does: func(w *world) {
			f := found("down", warning, "A", us1)
			f.Message, f.Value, f.Title, f.Threshold, f.Unit, f.Since = "other", 1, "other", 2, "s", noon.Add(-time.Hour)
			w.find(f)
		}, is: severities{"down@A/us1": warning}},
	}},
	{"what flaps is one condition", []moment{
		{does: finds(found("down", critical, "A", "")), told: []string{"12:01 raised critical down@A"}, is: severities{"down@A": critical}},
		{does: findNothing, wait: 4 * time.Minute, is: severities{"down@A": critical}},
		{does: finds(found("down", critical, "A", "")), is: severities{"down@A": critical}},
		{does: findNothing, wait: 5 * time.Minute, is: severities{"down@A": critical}},
		{told: []string{"12:12 cleared ok down@A"}},
		{does: finds(found("down", critical, "A", "")), told: []string{"12:13 raised critical down@A"}, is: severities{"down@A": critical}},
	}},
	{"what flaps between severities is as grave as the gravest", []moment{
		{does: finds(found("down", critical, "A", "")), told: []string{"12:01 raised critical down@A"}, is: severities{"down@A": critical}},
		{does: finds(found("down", info, "A", "")), wait: 3 * time.Minute, is: severities{"down@A": critical}},
		{does: finds(found("down", warning, "A", "")), wait: 2 * time.Minute, is: severities{"down@A": critical}},
		{does: findNothing, told: []string{"12:07 better warning down@A"}, is: severities{"down@A": warning}},
		{does: finds(found("down", critical, "A", "")), told: []string{"12:08 worse critical down@A"}, is: severities{"down@A": critical}},
		{does: findNothing, wait: 6 * time.Minute, told: []string{"12:14 cleared ok down@A"}},
	}},
	{"without flapping it clears at once", []moment{
		{does: func(w *world) { w.set.Alerts.Flapping = 0; w.find(found("down", critical, "A", "")) }, told: []string{"12:01 raised critical down@A"}, is: severities{"down@A": critical}},
		{does: finds(found("down", info, "A", "")), told: []string{"12:02 better info down@A"}, is: severities{"down@A": info}},
		{does: findNothing, told: []string{"12:03 cleared ok down@A"}},
	}},
	{"what happened clears with time and not later", []moment{
		{does: finds(found("audit_failed", warning, "A", us1)), told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: findNothing, told: []string{"12:02 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{wait: 24*time.Hour - time.Minute, is: severities{"audit_failed@A/us1": ok}},
		{},
	}},
	{"what cannot be seen is not cleared", []moment{
		{does: finds(found("down", critical, "A", us1)), told: []string{"12:01 raised critical down@A/us1"}, is: severities{"down@A/us1": critical}},
		{does: func(w *world) { w.find(); w.miss("hA", "down") }, wait: 3 * time.Hour, is: severities{"down@A/us1": critical, "down@A": unseen}},
		{does: func(w *world) { w.miss("hA") }, wait: 5 * time.Minute, is: severities{"down@A/us1": critical}},
		{told: []string{"15:07 cleared ok down@A/us1"}, is: severities{"down@A/us1": ok}},
		{does: func(w *world) { w.miss("hA", "down") }, is: severities{"down@A/us1": unseen, "down@A": unseen}},
		{does: finds(found("down", info, "A", us1)), told: []string{"15:09 raised info down@A/us1"}, is: severities{"down@A/us1": info, "down@A": unseen}},
	}},
	{"what cannot be seen at one satellite clears at the others", []moment{
		{does: finds(found("down", critical, "A", us1), found("down", warning, "A", eu1)), told: []string{
			"12:01 raised critical down@A/us1", "12:01 raised warning down@A/eu1",
		}, is: severities{"down@A/us1": critical, "down@A/eu1": warning}},
		{does: func(w *world) { w.find(); w.missAt("hA", us1, "down") }, wait: 5 * time.Minute,
			is: severities{"down@A/us1": critical, "down@A/eu1": warning, "down@A": unseen}},
		{wait: time.Minute, told: []string{"12:07 cleared ok down@A/eu1"}, is: severities{"down@A/us1": critical, "down@A/eu1": ok, "down@A": unseen}},
		{does: func(w *world) {
			w.missAt("hA", us1, "down", "down", "disqualified")
			w.judge.verdict.Unseen[1].Satellite = ""
		}, wait: time.Hour,
			is: severities{"down@A/us1": critical, "down@A/eu1": unseen, "down@A": unseen, "disqualified@A": unseen}},
		{does: func(w *world) { w.miss("hA") }, wait: 5 * time.Minute, is: severities{"down@A/us1": critical, "down@A/eu1": ok}},
		{told: []string{"13:13 cleared ok down@A/us1"}, is: severities{"down@A/us1": ok, "down@A/eu1": ok}},
	}},
	{"what happened clears with time, seen or not", []moment{
		{does: func(w *world) { w.find(found("audit_failed", warning, "A", us1)); w.miss("hA", "audit_failed") },
			told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning, "audit_failed@A": unseen}},
		{wait: 3 * time.Hour, is: severities{"audit_failed@A/us1": warning, "audit_failed@A": unseen}},
		{does: func(w *world) { w.find() }, told: []string{"15:02 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": unseen, "audit_failed@A": unseen}},
	}},
	{"what happened stays while its judge fails", []moment{
		{does: finds(found("audit_failed", warning, "A", us1)), told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.judge.err = errors.New("oh") }, wait: time.Minute, told: []string{"12:02 raised critical not_collecting@"}, is: severities{
			"audit_failed@A/us1": warning, "not_collecting@": critical,
			"audit_critical@A": unseen, "audit_warning@A": unseen, "audit_failed@A": unseen, "disqualified@A": unseen, "down@A": unseen,
		}},
		{does: func(w *world) { w.judge.err = nil; w.find() }, told: []string{"12:03 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok, "not_collecting@": critical}},
	}},
	{"what cannot be any more is cleared at once", []moment{
		{does: finds(found("down", critical, "A", us1), found("audit_failed", warning, "A", "")), told: []string{
			"12:01 raised warning audit_failed@A", "12:01 raised critical down@A/us1",
		}, is: severities{"down@A/us1": critical, "audit_failed@A": warning}},
		{does: func(w *world) { w.find(); w.miss("hA", "down") }, is: severities{"down@A/us1": critical, "down@A": unseen},
			told: []string{"12:02 cleared ok audit_failed@A"}},
		{does: func(w *world) { w.gone("hA", "down") }, told: []string{"12:03 cleared ok down@A/us1"}, is: severities{"down@A/us1": unseen, "down@A": unseen}},
		{does: func(w *world) { w.gone("hA", "down", "audit_failed") }, wait: time.Hour, is: severities{"down@A/us1": unseen, "down@A": unseen, "audit_failed@A": unseen}},
		{does: func(w *world) { w.miss("hA") }, is: severities{"down@A/us1": ok}},
	}},
	{"what is found counts more than that it cannot be", []moment{
		{does: func(w *world) { w.find(found("down", critical, "A", us1)); w.gone("hA", "down") },
			told: []string{"12:01 raised critical down@A/us1"}, is: severities{"down@A/us1": critical, "down@A": unseen}},
		{does: findNothing, told: []string{"12:02 cleared ok down@A/us1"}, is: severities{"down@A/us1": unseen, "down@A": unseen}},
	}},
	{"cleared by hand, and cannot be any more", []moment{
		{does: func(w *world) { w.findEvent(warning, time.Time{}, time.Time{}) }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") }, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.find(); w.gone("hA", "audit_failed") }, is: severities{"audit_failed@A/us1": unseen, "audit_failed@A": unseen}},
		{does: func(w *world) { w.miss("hA"); w.findEvent(warning, time.Time{}, time.Time{}) }, told: []string{"12:04 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
	}},
	{"what needs a node is not raised while the node is away", []moment{
		{does: func(w *world) {
			w.define(definition("silent", "contact", needsNode), definition("slow", "contact", needsNode))
			w.find(found("slow", info, "A", ""))
		}, told: []string{"12:01 raised info slow@A"}, is: severities{"slow@A": info}},
		{does: finds(away("A", "A"), found("silent", warning, "A", ""), found("slow", warning, "A", ""), found("audit_failed", warning, "A", us1)), told: []string{
			"12:02 raised warning audit_failed@A/us1", "12:02 raised critical down@A", "12:02 worse warning slow@A",
		}, is: severities{"down@A": critical, "silent@A": unseen, "slow@A": warning, "audit_failed@A/us1": warning}},
		// What was raised before stays, found or not.
		{does: finds(away("A", "A"), found("silent", warning, "A", ""), found("audit_failed", warning, "A", us1)), wait: time.Hour,
			is: severities{"down@A": critical, "silent@A": unseen, "slow@A": warning, "audit_failed@A/us1": warning}},
		// It is raised until the hold is over.
		{does: finds(found("silent", warning, "A", ""), found("audit_failed", warning, "A", us1)), wait: 5 * time.Minute,
			is: severities{"down@A": critical, "silent@A": unseen, "slow@A": warning, "audit_failed@A/us1": warning}},
		{told: []string{"13:08 cleared ok down@A"}, is: severities{"silent@A": unseen, "slow@A": warning, "audit_failed@A/us1": warning}},
		{told: []string{"13:09 raised warning silent@A"}, is: severities{"silent@A": warning, "slow@A": warning, "audit_failed@A/us1": warning}},
		{wait: 5 * time.Minute, told: []string{"13:14 cleared ok slow@A"}, is: severities{"silent@A": warning, "audit_failed@A/us1": warning}},
	}},
	{"a node that is away while nobody can say so", []moment{
		{does: func(w *world) { w.define(definition("silent", "contact", needsNode)); w.find(away("A", "A")) },
			told: []string{"12:01 raised critical down@A"}, is: severities{"down@A": critical, "silent@A": unseen}},
		{does: func(w *world) { w.find(found("silent", warning, "A", "")); w.miss("hA", "down") }, wait: time.Hour,
			is: severities{"down@A": critical, "silent@A": unseen}},
	}},
	{"of what needs a node that is away, its own reason counts", []moment{
		{does: func(w *world) {
			w.define(definition("silent", "contact", needsNode))
			w.find(found("silent", warning, "A", ""))
		}, told: []string{"12:01 raised warning silent@A"}, is: severities{"silent@A": warning}},
		{does: func(w *world) { w.find(away("A", "A")); w.gone("hA", "silent") }, told: []string{
			"12:02 raised critical down@A", "12:02 cleared ok silent@A",
		}, is: severities{"down@A": critical, "silent@A": unseen}},
	}},
	{"not watched, then well", []moment{
		{does: func(w *world) { w.miss("hA", "down", "audit_failed") }, is: severities{"down@A": unseen, "audit_failed@A": unseen}},
		{does: func(w *world) { w.miss("hA", "audit_failed") }, is: severities{"audit_failed@A": unseen}},
		{does: func(w *world) { w.miss("hA") }},
	}},
	{"a judge that fails clears nothing", []moment{
		{does: finds(found("down", warning, "A", "")), told: []string{"12:01 raised warning down@A"}, is: severities{"down@A": warning}},
		{does: func(w *world) { w.judge.panics = "oh" }, told: []string{"12:02 raised critical not_collecting@"}, is: severities{
			"down@A": warning, "audit_critical@A": unseen, "audit_warning@A": unseen, "audit_failed@A": unseen, "disqualified@A": unseen, "not_collecting@": critical,
		}},
		{does: func(w *world) { w.judge.panics = nil }, wait: 5 * time.Minute, is: severities{"down@A": warning, "not_collecting@": critical}},
		{told: []string{"12:08 cleared ok not_collecting@"}, is: severities{"down@A": warning}},
	}},
	{"only the gravest of a score", []moment{
		{does: finds(found("audit_warning", warning, "A", us1), found("audit_warning", warning, "A", eu1)), told: []string{
			"12:01 raised warning audit_warning@A/us1", "12:01 raised warning audit_warning@A/eu1",
		}, is: severities{"audit_warning@A/us1": warning, "audit_warning@A/eu1": warning}},
		{does: finds(found("audit_warning", warning, "A", us1), found("audit_critical", critical, "A", us1), found("audit_warning", warning, "A", eu1)), told: []string{
			"12:02 raised critical audit_critical@A/us1", "12:02 cleared ok audit_warning@A/us1",
		}, is: severities{"audit_critical@A/us1": critical, "audit_warning@A/us1": ok, "audit_warning@A/eu1": warning}},
		// While the graver one is held, the lesser waits.
		{does: finds(found("audit_warning", warning, "A", us1), found("audit_warning", warning, "A", eu1)), wait: 5 * time.Minute,
			is: severities{"audit_critical@A/us1": critical, "audit_warning@A/us1": ok, "audit_warning@A/eu1": warning}},
		{told: []string{"12:08 cleared ok audit_critical@A/us1", "12:08 raised warning audit_warning@A/us1"},
			is: severities{"audit_critical@A/us1": ok, "audit_warning@A/us1": warning, "audit_warning@A/eu1": warning}},
	}},
	{"of equally grave ones the raised one stays", []moment{
		{does: finds(found("audit_warning", critical, "A", us1)), told: []string{"12:01 raised critical audit_warning@A/us1"}, is: severities{"audit_warning@A/us1": critical}},
		{does: finds(found("audit_warning", critical, "A", us1), found("audit_critical", critical, "A", us1)), is: severities{"audit_warning@A/us1": critical}},
	}},
	{"of equally grave ones the first is raised", []moment{
		{does: finds(found("audit_warning", critical, "A", us1), found("audit_critical", critical, "A", us1)),
			told: []string{"12:01 raised critical audit_critical@A/us1"}, is: severities{"audit_critical@A/us1": critical}},
	}},
	{"a muted satellite", []moment{
		{does: finds(found("down", critical, "A", us1), found("down", critical, "A", eu1)), told: []string{
			"12:01 raised critical down@A/us1", "12:01 raised critical down@A/eu1",
		}, is: severities{"down@A/us1": critical, "down@A/eu1": critical}},
		{does: func(w *world) { w.nodes[0].MutedSatellites = map[string]string{"us1": "left it"} },
			told: []string{"12:02 cleared ok down@A/us1"}, is: severities{"down@A/us1": unseen, "down@A/eu1": critical}},
		{does: func(w *world) { w.nodes[0].MutedSatellites = map[string]string{us1: "", eu1: "also"} },
			told: []string{"12:03 cleared ok down@A/eu1"}, is: severities{"down@A/us1": unseen, "down@A/eu1": unseen}},
		{does: func(w *world) { w.nodes[0].MutedSatellites = nil }, told: []string{
			"12:04 raised critical down@A/us1", "12:04 raised critical down@A/eu1",
		}, is: severities{"down@A/us1": critical, "down@A/eu1": critical}},
	}},
	{"a retired node", []moment{
		{does: finds(found("down", critical, "A", "")), told: []string{"12:01 raised critical down@A"}, is: severities{"down@A": critical}},
		{does: func(w *world) { w.nodes[0].Retired = true }, told: []string{"12:02 cleared ok down@A"}, is: retired},
		{wait: time.Hour, is: retired},
		{does: func(w *world) { w.nodes[0].Retired = false }, told: []string{"13:03 raised critical down@A"}, is: severities{"down@A": critical}},
	}},
	{"a renamed node is the same", []moment{
		{does: finds(found("down", critical, "A", us1)), told: []string{"12:01 raised critical down@A/us1"}, is: severities{"down@A/us1": critical}},
		{does: func(w *world) { w.nodes[0].Name = "Attic" }, is: severities{"down@Attic/us1": critical}},
		{does: findNothing, wait: 6 * time.Minute, told: []string{"12:08 cleared ok down@Attic/us1"}, is: severities{"down@Attic/us1": ok}},
	}},
	{"a removed node has no rows", []moment{
		{does: finds(found("down", critical, "A", us1)), told: []string{"12:01 raised critical down@A/us1"}, is: severities{"down@A/us1": critical}},
		{does: func(w *world) { w.nodes = nil }},
	}},
	{"maintenance goes on being judged", []moment{
		{does: func(w *world) {
			w.nodes[0].MaintenanceUntil = noon.Add(time.Hour)
			w.find(found("down", critical, "A", ""))
		}, told: []string{"12:01 raised critical down@A"}, is: severities{"down@A": critical}},
	}},
	{"cleared by hand until something happens", []moment{
		{does: func(w *world) { w.findEvent(warning, noon.Add(-time.Minute), noon.Add(30*time.Second)) },
			told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") },
			told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{wait: 72 * time.Hour},
		// Gone and back with what was cleared.
		{does: findNothing, wait: time.Hour},
		{does: func(w *world) { w.findEvent(warning, noon.Add(-time.Minute), noon.Add(30*time.Second)) }, wait: 48 * time.Hour},
		{does: func(w *world) { w.findEvent(warning, noon.Add(-time.Minute), w.now) },
			told: []string{"13:03 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
	}},
	// The times of lines are the node's: they come late, and its clock may be wrong.
	{"cleared by hand, then heard of late", []moment{
		{does: func(w *world) { w.findEvent(warning, noon, noon) }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") }, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.findEvent(warning, noon, noon.Add(50*time.Second)) },
			told: []string{"12:03 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
	}},
	{"cleared by hand at a node whose clock is an hour behind", []moment{
		{does: func(w *world) { w.findEvent(warning, noon.Add(-time.Hour), noon.Add(-time.Hour)) }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") }, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.findEvent(warning, noon.Add(-time.Hour), noon.Add(-59*time.Minute)) },
			told: []string{"12:03 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
	}},
	{"cleared by hand at a node whose clock is an hour ahead", []moment{
		{does: func(w *world) { w.findEvent(warning, noon.Add(time.Hour), noon.Add(time.Hour)) }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") }, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.findEvent(warning, noon.Add(time.Hour), noon.Add(61*time.Minute)) },
			told: []string{"12:04 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
	}},
	{"cleared by hand, then one more of the same time", []moment{
		{does: func(w *world) { w.findMeasured(1, "short") }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") }, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.findMeasured(2, "short") }, told: []string{"12:03 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
	}},
	{"cleared by hand, and the same takes longer", []moment{
		{does: func(w *world) { w.findMeasured(120, "s") }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") }, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.findMeasured(200, "s") }, is: severities{"audit_failed@A/us1": ok}},
	}},
	{"cleared by hand, then worse", []moment{
		{does: func(w *world) { w.findEvent(warning, noon, time.Time{}) }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("hA", us1, "audit_failed") }, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.findEvent(critical, noon, time.Time{}) }, told: []string{"12:03 raised critical audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": critical}},
	}},
	{"cleared by hand, and nobody knows when it happened", []moment{
		{does: func(w *world) { w.findEvent(warning, time.Time{}, time.Time{}) }, told: []string{"12:01 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
		{does: func(w *world) { w.clear("A", "us1", "audit_failed") }, wait: time.Hour, told: []string{"12:01 cleared ok audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": ok}},
		{does: findNothing, is: severities{"audit_failed@A/us1": ok}},
		{does: func(w *world) { w.findEvent(warning, time.Time{}, time.Time{}) }, told: []string{"13:03 raised warning audit_failed@A/us1"}, is: severities{"audit_failed@A/us1": warning}},
	}},
	{"a test alert", []moment{
		{},
		{does: func(w *world) { w.test("A") }, told: []string{"12:01 raised warning test@A"}, is: severities{"test@A": warning}},
		{wait: 3 * time.Minute, is: severities{"test@A": warning}},
		{told: []string{"12:06 cleared ok test@A"}},
		{does: func(w *world) { w.test("A") }, told: []string{"12:06 raised warning test@A"}, is: severities{"test@A": warning}},
		{does: func(w *world) { w.clear("A", "", "test") }, wait: time.Hour, told: []string{"12:07 cleared ok test@A"}},
		{does: func(w *world) { w.test("A") }, told: []string{"13:07 raised warning test@A"}, is: severities{"test@A": warning}},
	}},
	{"a clock that was set back", []moment{
		{does: finds(found("down", critical, "A", "")), told: []string{"12:01 raised critical down@A"}, is: severities{"down@A": critical}},
		{does: findNothing, wait: 3 * time.Minute, is: severities{"down@A": critical}},
		{does: func(w *world) { w.now = w.now.Add(-2 * time.Hour) }, wait: 5 * time.Minute, is: severities{"down@A": critical}},
		{told: []string{"10:10 cleared ok down@A"}},
	}},
}

var retired = severities{"audit_critical@A": unseen, "audit_warning@A": unseen, "audit_failed@A": unseen, "disqualified@A": unseen, "down@A": unseen, "not_collecting@A": unseen, "test@A": unseen}

func needsNode(d *conditions.Definition) { d.NeedsNode = true }

// define adds to the table of conditions.
func (w *world) define(more ...conditions.Definition) {
	w.judge.definitions = append(w.judge.definitions, more...)
	w.restart()
}

// away is that nodes cannot be reached, found at one of them.
func away(node string, covers ...string) conditions.Finding {
	f := found("down", critical, node, "")
	for _, name := range covers {
		f.Covers = append(f.Covers, "h"+name)
	}
	return f
}

func findNothing(w *world) { w.find() }

func finds(findings ...conditions.Finding) func(*world) {
	return func(w *world) { w.find(findings...) }
}

func (w *world) findEvent(severity conditions.Severity, since, last time.Time) {
	f := found("audit_failed", severity, "A", us1)
	f.Since, f.Last = since, last
	w.find(f)
}

// findMeasured finds what happened at noon, with a number.
func (w *world) findMeasured(value float64, unit string) {
	f := found("audit_failed", conditions.Warning, "A", us1)
	f.Since, f.Last, f.Value, f.Unit = noon, noon, value, unit
	w.find(f)
}

func (w *world) clear(node, satellite, code string) {
	w.t.Helper()
	if err := w.engine.Clear(w.toCase(), node, satellite, code); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) test(node string) {
	w.t.Helper()
	if err := w.engine.Test(w.toCase(), node, w.now.Add(conditions.TestPeriod)); err != nil {
		w.t.Fatal(err)
	}
}

// One finding can be about several nodes, and stays to be while it is raised.
func TestAMachineThatIsAway(t *testing.T) {
	for name, restart := range map[string]bool{"": false, "with restarts": true} {
		w := newWorld(t, "A", "B", "C")
		w.define(definition("silent", "contact", needsNode))
		then := func(told string, is severities) {
			t.Helper()
			if restart {
				w.restart()
			}
			w.after(time.Minute)
			if diff := cmp.Diff(told, strings.Join(w.told, ", ")); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if diff := cmp.Diff(is, w.severities()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			w.told = nil
		}
		all := []conditions.Finding{found("silent", warning, "A", ""), found("silent", warning, "B", us1), found("silent", warning, "C", "")}
		// The one at which it is found need not be the first to be judged.
		w.find(append(all, away("B", "A", "B"))...)
		then("12:01 raised critical down@B, 12:01 raised warning silent@C",
			severities{"silent@A": unseen, "down@B": critical, "silent@B": unseen, "silent@C": warning})
		// It is found at another one, and held at the first.
		w.find(append(all, away("A", "A"))...)
		then("12:02 raised critical down@A",
			severities{"down@A": critical, "silent@A": unseen, "down@B": critical, "silent@B": unseen, "silent@C": warning})
		w.find(all...)
		w.set.Alerts.Flapping = 0
		then("12:03 cleared ok down@A, 12:03 cleared ok down@B", severities{"silent@A": unseen, "silent@B": unseen, "silent@C": warning})
		then("12:04 raised warning silent@A, 12:04 raised warning silent@B/us1",
			severities{"silent@A": warning, "silent@B/us1": warning, "silent@C": warning})
	}
}

// That a condition clears because it cannot be any more is said, and why it is not watched.
func TestTheReasonIsTold(t *testing.T) {
	w := newWorld(t, "A")
	w.define(definition("silent", "contact", needsNode))
	w.find(found("audit_failed", warning, "A", us1), away("A", "A"))
	w.evaluate()
	w.find(away("A", "A"))
	w.gone("hA", "audit_failed")
	w.evaluate()
	last := w.changes[len(w.changes)-1]
	if last.Kind != conditions.Cleared || last.Reason != "no log any more" || !strings.Contains(last.Line(), "no log any more") {
		t.Errorf("%+v", last)
	}
	record, _, err := conditions.Recall(w.store, "hA")
	if diff := cmp.Diff(map[string]string{"audit_failed": "no log any more", "silent": "the node is unreachable"}, record.Unseen); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestStories(t *testing.T) {
	for _, story := range stories {
		for name, restarts := range map[string]bool{"": false, " with restarts": true} {
			t.Run(story.name+name, func(t *testing.T) {
				w := newWorld(t, "A")
				var all int
				for i, m := range story.moments {
					if m.does != nil {
						m.does(w)
					}
					if restarts {
						w.restart()
					}
					wait := m.wait
					if wait == 0 {
						wait = time.Minute
					}
					w.after(wait)
					if restarts {
						w.restart()
					}
					if diff := cmp.Diff(strings.Join(m.told, "\n"), strings.Join(w.told, "\n")); diff != "" {
						t.Errorf("moment %d tells: %s", i, diff)
					}
					all += len(w.told)
					w.told = nil
					is := m.is
					if is == nil {
						is = severities{}
					}
					if diff := cmp.Diff(is, w.severities()); diff != "" {
						t.Errorf("moment %d: %s", i, diff)
					}
				}
				w.now = w.now.Add(1000 * time.Hour)
				if recorded := w.recorded(); len(recorded) != all {
					t.Errorf("%d changes were told, recorded are %q", all, recorded)
				}
			})
		}
	}
}
