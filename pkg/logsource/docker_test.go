package logsource_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

const (
	nodeImage = "storjlabs/storagenode:latest"
	everyLine = -1 // as Options.Backfill
)

func testContainer(name string) *dockerContainer {
	return &dockerContainer{id: strings.Repeat("c", 60) + "0001", name: name, image: nodeImage, driver: "json-file"}
}

func dockerOptions(d *dockerDaemon) logsource.Options {
	return logsource.Options{Source: d.source("node"), Backfill: everyLine}
}

func TestDocker(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		for _, terminal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, terminal %v", network, terminal), func(t *testing.T) {
				daemon := startDocker(t, network)
				c := testContainer("node")
				c.terminal = terminal
				c.log = []dockerMessage{{2, time.Now().Add(-time.Hour), "old\n"}}
				daemon.add(c)
				f := followNetwork(t, dockerOptions(daemon), &delivered{})
				f.awaitLines("old")
				f.awaitState(logsource.Following)
				daemon.write(c, "one", "", "two")
				f.awaitLines("old", "one", "", "two")
				if !slices.Equal(f.live, []bool{false, true, true, true}) {
					t.Errorf("live %v", f.live)
				}
				for i, m := range c.log {
					if !f.arrivals[i].Equal(m.stamp) {
						t.Errorf("line %d came at %v, want %v", i, f.arrivals[i], m.stamp)
					}
				}
				want := logsource.DockerPosition{Container: c.id, Last: c.log[3].stamp.Round(0).UTC(), Equal: 1, Count: 3}
				got := f.at().Docker[0]
				want.From = got.From
				if diff := cmp.Diff(want, got); diff != "" || len(f.at().Docker) != 1 {
					t.Errorf("position (-want +got):\n%s", diff)
				}
				if s := f.Status(); s.Trouble != "" || s.Mend != "" || s.LastRead.IsZero() || s.Reconnects != 0 {
					t.Errorf("status %+v", s)
				}
			})
		}
	}
}

func TestDockerLongLines(t *testing.T) {
	daemon := startDocker(t, "unix")
	c := testContainer("node")
	part := strings.Repeat("x", 16<<10)
	at := time.Now()
	for _, text := range []string{part, part, "end\n", part, part, part, part, part, "end\n", "two\n"} {
		c.log = append(c.log, dockerMessage{2, at, text})
	}
	daemon.add(c)
	f := followNetwork(t, dockerOptions(daemon), &delivered{})
	f.awaitLines(part+part+"end", part+part+part+part, "two")
	f.await("the count of long lines", func() bool { return f.Status().LongLines == 1 })
}

func TestDockerFirstStart(t *testing.T) {
	now := time.Now()
	log := []dockerMessage{{2, now.Add(-3 * time.Hour), "a\n"}, {2, now.Add(-2 * time.Hour), "b\n"}, {1, now.Add(-2 * time.Hour), "c\n"}, {2, now.Add(-time.Minute), "d\n"}}
	for name, c := range map[string]struct {
		backfill time.Duration
		log      []dockerMessage
		want     []string
	}{
		"all":                        {everyLine, log, []string{"a", "b", "c", "d"}},
		"the last hour":              {time.Hour, log, []string{"d"}},
		"from the end":               {0, log, nil},
		"from the end of an empty":   {0, nil, nil},
		"the last hour of an empty":  {time.Hour, nil, nil},
		"older than the log, so all": {24 * time.Hour, log, []string{"a", "b", "c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := startDocker(t, "unix")
			container := testContainer("node")
			container.log = slices.Clone(c.log)
			daemon.add(container)
			o := dockerOptions(daemon)
			o.Backfill = c.backfill
			f := followNetwork(t, o, &delivered{})
			f.awaitState(logsource.Following)
			// A restart before anything new came must not begin elsewhere.
			_ = f.stop()
			o.Resume = f.at()
			daemon.write(container, "new")
			f = followNetwork(t, o, f.delivered)
			f.awaitLines(append(slices.Clone(c.want), "new")...)
		})
	}
}

func TestDockerContainerThatComesLater(t *testing.T) {
	daemon := startDocker(t, "unix")
	o := dockerOptions(daemon)
	o.Backfill = 0
	f := followNetwork(t, o, &delivered{})
	s := f.awaitTrouble(`there is no container "node"`)
	if s.State != logsource.Waiting || s.Mend == "" {
		t.Errorf("status %+v", s)
	}
	c := testContainer("node")
	c.log = []dockerMessage{{2, time.Now(), "first\n"}}
	daemon.add(c)
	f.awaitLines("first")
}

func TestDockerStopAndRestart(t *testing.T) {
	daemon := startDocker(t, "unix")
	c := daemon.add(testContainer("node"))
	f := followNetwork(t, dockerOptions(daemon), &delivered{})
	daemon.write(c, "one")
	f.awaitLines("one")
	daemon.change(func() {
		c.log = append(c.log, dockerMessage{2, time.Now(), "last words\n"})
		c.stopped = true
	})
	s := f.awaitTrouble("the container node does not run since 2026-11-22 00:00:00 UTC (exit code 3)")
	f.awaitLines("one", "last words")
	if s.State != logsource.Waiting || !strings.Contains(s.Mend, "docker start node") {
		t.Errorf("status %+v", s)
	}
	daemon.mu.Lock()
	read := daemon.asked["containers/"+c.id+"/logs"]
	looked := daemon.asked["containers/node/json"]
	daemon.mu.Unlock()
	f.await("more looks", func() bool {
		daemon.mu.Lock()
		defer daemon.mu.Unlock()
		return daemon.asked["containers/node/json"] > looked+5
	})
	daemon.mu.Lock()
	if again := daemon.asked["containers/"+c.id+"/logs"]; again > read+1 {
		t.Errorf("the log of a stopped container was read %d times more", again-read)
	}
	daemon.mu.Unlock()
	daemon.write(c, "written before it is seen to run")
	daemon.run(c)
	daemon.write(c, "two")
	f.awaitLines("one", "last words", "written before it is seen to run", "two")
	f.awaitState(logsource.Following)
}

func TestDockerStoppedFromTheBeginning(t *testing.T) {
	daemon := startDocker(t, "unix")
	c := testContainer("node")
	c.stopped = true
	c.log = []dockerMessage{{2, time.Now().Add(-time.Hour), "old\n"}}
	daemon.add(c)
	f := followNetwork(t, dockerOptions(daemon), &delivered{})
	f.awaitLines("old")
	if s := f.awaitTrouble("does not run"); s.State != logsource.Waiting {
		t.Errorf("status %+v", s)
	}
}

func TestDockerContainerThatIsMadeAnew(t *testing.T) {
	for name, replace := range map[string]func(*dockerDaemon, *dockerContainer, *dockerContainer){
		"removed": func(d *dockerDaemon, before, after *dockerContainer) {
			d.remove(before)
			d.add(after)
		},
		"renamed, and it runs on": func(d *dockerDaemon, before, after *dockerContainer) {
			d.change(func() { before.name = "before" })
			d.add(after)
		},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := startDocker(t, "unix")
			before := daemon.add(testContainer("node"))
			o := dockerOptions(daemon)
			o.Backfill = 0
			f := followNetwork(t, o, &delivered{})
			f.awaitState(logsource.Following)
			daemon.write(before, "one")
			f.awaitLines("one")
			after := testContainer("node")
			after.id = strings.Repeat("d", 64)
			after.log = []dockerMessage{{2, time.Now().Add(-time.Minute), "two\n"}}
			replace(daemon, before, after)
			f.awaitLines("one", "two")
			daemon.write(after, "three")
			f.awaitLines("one", "two", "three")
			if p := f.at().Docker; len(p) != 2 || p[0].Container != before.id || p[1].Container != after.id {
				t.Errorf("positions %+v", p)
			}
			_ = f.stop()
			o.Resume = f.at()
			daemon.write(after, "four")
			f = followNetwork(t, o, f.delivered)
			f.awaitLines("one", "two", "three", "four")
		})
	}
}

func TestDockerMadeAnewWhileNobodyFollowed(t *testing.T) {
	daemon := startDocker(t, "unix")
	c := testContainer("node")
	c.log = []dockerMessage{{2, time.Now().Add(-100 * time.Hour), "one\n"}}
	daemon.add(c)
	o := dockerOptions(daemon)
	o.Backfill = 0
	for i := range 6 {
		o.Resume.Docker = append(o.Resume.Docker, logsource.DockerPosition{Container: fmt.Sprint("gone", i)})
	}
	f := followNetwork(t, o, &delivered{})
	f.awaitLines("one")
	if p := f.at().Docker; len(p) != 3 || p[2].Container != c.id {
		t.Errorf("positions %+v", p)
	}
}

func TestDockerDaemonThatComesAndGoes(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			daemon := startDocker(t, network)
			c := daemon.add(testContainer("node"))
			f := followNetwork(t, dockerOptions(daemon), &delivered{})
			daemon.write(c, "one", "two")
			f.awaitLines("one", "two")
			daemon.vanish()
			f.awaitState(logsource.Disconnected)
			if s := f.Status(); s.Trouble == "" || s.Mend == "" {
				t.Errorf("status %+v", s)
			}
			daemon.write(c, "three")
			daemon.version = "1.43"
			daemon.start()
			f.awaitLines("one", "two", "three")
			daemon.write(c, "four")
			f.awaitLines("one", "two", "three", "four")
			f.awaitState(logsource.Following)
			if s := f.Status(); s.Reconnects == 0 || s.Trouble != "" {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestDockerDaemonThatHangs(t *testing.T) {
	daemon := startDocker(t, "tcp")
	c := daemon.add(testContainer("node"))
	f := followNetwork(t, dockerOptions(daemon), &delivered{})
	daemon.write(c, "one")
	f.awaitLines("one")
	daemon.change(func() { daemon.hangs = true })
	f.awaitState(logsource.Disconnected)
	f.awaitTrouble("does not answer")
	daemon.change(func() { daemon.hangs = false })
	daemon.write(c, "two")
	f.awaitLines("one", "two")
}

// A log with equal times, two streams whose times are not in order, long lines and a
// connection that breaks anywhere: every line once.
func TestDockerEveryLineOnce(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			daemon := startDocker(t, "unix")
			c := testContainer("node")
			c.terminal = seed%3 == 2
			at := time.Now().Add(-time.Hour)
			var want []string
			var messages []dockerMessage
			for i := range 600 {
				if random.IntN(3) > 0 {
					at = at.Add(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
				}
				stamp, stream := at, byte(2)
				if !c.terminal && random.IntN(4) == 0 {
					stamp, stream = at.Add(-time.Duration(random.Int64N(int64(time.Second)))), 1
				}
				text := fmt.Sprint("line ", i)
				if random.IntN(20) == 0 {
					long := strings.Repeat(string(rune('a'+i%26)), 16<<10)
					messages = append(messages, dockerMessage{stream, stamp, long})
					text = long + text
					messages = append(messages, dockerMessage{stream, stamp, strings.TrimPrefix(text, long) + "\n"})
				} else {
					messages = append(messages, dockerMessage{stream, stamp, text + "\n"})
				}
				want = append(want, text)
			}
			half := len(messages) / 2
			c.log = slices.Clone(messages[:half])
			cuts := 0
			daemon.cutAfter = func() int {
				if cuts++; cuts > 40 {
					return -1
				}
				return 30 + random.IntN(100)
			}
			daemon.add(c)
			o := dockerOptions(daemon)
			into := &delivered{}
			for i := 0; len(into.all()) < len(want); i++ {
				f := followNetwork(t, o, into)
				before := len(into.all())
				f.await("more lines", func() bool {
					return len(into.all()) >= min(before+1+int(seed)*50, len(want)) || f.Status().State == logsource.Following && len(c.log) < len(messages)
				})
				_ = f.stop()
				position, err := json.Marshal(into.at())
				if err != nil {
					t.Fatal(err)
				}
				o.Resume = logsource.Positions{}
				if err := json.Unmarshal(position, &o.Resume); err != nil {
					t.Fatal(err)
				}
				daemon.change(func() { c.log = messages[:min(len(messages), len(c.log)+1+random.IntN(60))] })
			}
			if diff := cmp.Diff(want, into.all()); diff != "" {
				t.Errorf("lines (-want +got):\n%.3000s", diff)
			}
		})
	}
}

func TestDockerResumesAtAPlainPosition(t *testing.T) {
	daemon := startDocker(t, "unix")
	at := time.Now().Add(-time.Minute)
	c := testContainer("node")
	c.log = []dockerMessage{{2, at.Add(-1), "a\n"}, {2, at, "b\n"}, {2, at, "c\n"}, {2, at, "d\n"}, {2, at.Add(1), "e\n"}}
	daemon.add(c)
	for equal, want := range [][]string{{"b", "c", "d", "e"}, {"c", "d", "e"}, {"d", "e"}, {"e"}, {"e"}} {
		o := dockerOptions(daemon)
		o.Resume.Docker = []logsource.DockerPosition{{Container: c.id, Last: at, Equal: equal}}
		f := followNetwork(t, o, &delivered{})
		f.awaitLines(want...)
		_ = f.stop()
	}
}

// What was read is not there any more when reading begins again.
func TestDockerLogThatWasRotated(t *testing.T) {
	daemon := startDocker(t, "unix")
	c := daemon.add(testContainer("node"))
	o := dockerOptions(daemon)
	f := followNetwork(t, o, &delivered{})
	daemon.write(c, "one", "two", "three")
	f.awaitLines("one", "two", "three")
	_ = f.stop()
	o.Resume = f.at()
	daemon.change(func() { c.log = nil })
	daemon.write(c, "four", "five")
	f = followNetwork(t, o, f.delivered)
	f.awaitLines("one", "two", "three", "four", "five")
}

// A small computer without a clock of its own begins with the time of its last shutdown.
func TestDockerClockThatIsSetBack(t *testing.T) {
	daemon := startDocker(t, "unix")
	daemon.ahead = time.Hour
	c := daemon.add(testContainer("node"))
	o := dockerOptions(daemon)
	f := followNetwork(t, o, &delivered{})
	daemon.write(c, "one", "two")
	f.awaitLines("one", "two")
	_ = f.stop()
	o.Resume = f.at()
	daemon.change(func() { daemon.ahead = 0 })
	f = followNetwork(t, o, f.delivered)
	f.awaitState(logsource.Following)
	daemon.write(c, "three")
	f.awaitLines("one", "two", "three")
	_ = f.stop()
	o.Resume = f.at()
	daemon.write(c, "four")
	f = followNetwork(t, o, f.delivered)
	f.awaitLines("one", "two", "three", "four")
}
