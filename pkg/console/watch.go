package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

const (
	// DefaultInterval is how often the dashboard's questions are asked again.
	DefaultInterval = 2 * time.Second
	// DefaultHealthInterval is how often the health check is asked: it reaches out to every node.
	DefaultHealthInterval = 30 * time.Second
	// DefaultSettleTime is how long Once waits for every node's first answer.
	DefaultSettleTime = 30 * time.Second
	// plainWidth is the width of a table that is not shown on a terminal.
	plainWidth = 120
)

// Options says what to watch, and where to show it.
type Options struct {
	Source Source
	// Output is where to show it; on a terminal as a live screen, else as plain text whenever something has changed.
	// Default: standard output.
	Output io.Writer
	// Help is one line under the live screen, in front of the keys.
	Help string
	// Once shows one snapshot, when every node has answered or failed for the first time, and returns.
	Once bool
	// Interval, HealthInterval and SettleTime replace the defaults.
	Interval, HealthInterval, SettleTime time.Duration
	StaleAfter                           time.Duration
	Now                                  func() time.Time
}

// Watch shows the fleet until the context ends or the operator quits, which are no errors.
func Watch(ctx context.Context, opts Options) error {
	if opts.Output == nil {
		opts.Output = os.Stdout
	}
	if opts.Interval <= 0 {
		opts.Interval = DefaultInterval
	}
	if opts.HealthInterval <= 0 {
		opts.HealthInterval = DefaultHealthInterval
	}
	if opts.SettleTime <= 0 {
		opts.SettleTime = DefaultSettleTime
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	asker := &asker{opts: opts}
	file, isFile := opts.Output.(*os.File)
	switch {
	case opts.Once:
		return once(ctx, asker)
	case isFile && term.IsTerminal(file.Fd()):
		return live(ctx, asker, file)
	default:
		return plain(ctx, asker)
	}
}

// asker puts the questions, and remembers the last health check between two of them.
type asker struct {
	opts     Options
	health   Health
	healthAt time.Time
}

func (a *asker) ask(ctx context.Context) Snapshot {
	now := a.opts.Now()
	if now.Sub(a.healthAt) >= a.opts.HealthInterval {
		a.healthAt = now
		health, err := a.opts.Source.Health(ctx)
		if err != nil {
			health = Health{Checks: []Check{{Status: "error", Message: "The health check cannot be asked: " + err.Error()}}}
		}
		a.health = health
	}
	snapshot := Ask(ctx, a.opts.Source, a.health, now)
	snapshot.StaleAfter = a.opts.StaleAfter
	return snapshot
}

// plain writes a table each time that something other than an age has changed.
func plain(ctx context.Context, asker *asker) error {
	var shown *Snapshot
	return every(ctx, asker.opts.Interval, func() (bool, error) {
		snapshot := asker.ask(ctx)
		if ctx.Err() != nil || shown != nil && sameFacts(*shown, snapshot) {
			return false, nil
		}
		shown = &snapshot
		return false, writePlain(asker.opts.Output, snapshot)
	})
}

// once waits until every node has answered or failed and a second look finds nothing new, and shows that.
func once(ctx context.Context, asker *asker) error {
	deadline := asker.opts.Now().Add(asker.opts.SettleTime)
	var before *Snapshot
	return every(ctx, min(asker.opts.Interval, time.Second), func() (bool, error) {
		snapshot := asker.ask(ctx)
		settled := snapshot.settled() && before != nil && sameFacts(*before, snapshot)
		before = &snapshot
		late := !snapshot.At.Before(deadline)
		if !settled && !late {
			return false, nil
		}
		asker.healthAt = time.Time{} // the first check came before the nodes' first answers
		snapshot = asker.ask(ctx)
		if err := writePlain(asker.opts.Output, snapshot); err != nil {
			return true, err
		}
		if !settled {
			return true, fmt.Errorf("not every node had answered or failed after %s", span(asker.opts.SettleTime))
		}
		return true, nil
	})
}

func (s Snapshot) settled() bool {
	for _, node := range s.Nodes {
		if node.State == "" || node.State == "connecting" {
			return false
		}
	}
	return s.Answered
}

func every(ctx context.Context, interval time.Duration, do func() (done bool, err error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if done, err := do(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func writePlain(out io.Writer, snapshot Snapshot) error {
	if _, err := io.WriteString(out, ansi.Strip(Render(snapshot, plainWidth))+"\n"); err != nil {
		return fmt.Errorf("show the nodes: %w", err)
	}
	return nil
}

// sameFacts reports whether two snapshots differ in nothing but times that move by themselves.
func sameFacts(a, b Snapshot) bool {
	return reflect.DeepEqual(a.withoutAges(), b.withoutAges())
}

func (s Snapshot) withoutAges() Snapshot {
	bare := s
	bare.At = time.Time{}
	bare.Nodes = make([]Node, len(s.Nodes))
	for i, node := range s.Nodes {
		node.LastSuccess = time.Time{}
		satellites := make([]Satellite, len(node.Satellites))
		for j, satellite := range node.Satellites {
			satellite.RecoversAt = satellite.RecoversAt.Truncate(24 * time.Hour)
			// That a score has gone stale is a change worth showing; that it is a minute older is not.
			if satellite.stale(s.At, s.StaleAfter) {
				satellite.At = time.Time{}
			} else {
				satellite.At = time.Unix(0, 0)
			}
			satellites[j] = satellite
		}
		node.Satellites = satellites
		bare.Nodes[i] = node
	}
	return bare
}

// live shows the screen until the operator quits.
func live(ctx context.Context, asker *asker, out *os.File) error {
	program := tea.NewProgram(&screen{ctx: ctx, asker: asker, width: NarrowestWidth, height: 24},
		tea.WithContext(ctx), tea.WithOutput(out))
	_, err := program.Run()
	if errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil
	}
	return err
}

// screen is the live screen: the last snapshot, and which part of it is in view.
type screen struct {
	ctx           context.Context
	asker         *asker
	snapshot      Snapshot
	width, height int
	top           int
}

type askAgain struct{}

func (s *screen) Init() tea.Cmd { return s.question() }

// question asks outside the screen's own loop, so that keys work while a node is slow to answer. There is only ever one
// question under way: the next is put when an answer has come.
func (s *screen) question() tea.Cmd {
	return func() tea.Msg { return s.asker.ask(s.ctx) }
}

func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case Snapshot:
		s.snapshot = msg
		return s, tea.Tick(s.asker.opts.Interval, func(time.Time) tea.Msg { return askAgain{} })
	case askAgain:
		return s, s.question()
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return s, tea.Quit
		case "up", "k":
			s.top--
		case "down", "j":
			s.top++
		case "pgup":
			s.top -= s.room()
		case "pgdown", "space":
			s.top += s.room()
		case "home", "g":
			s.top = 0
		case "end", "G":
			s.top = len(s.lines())
		}
	}
	s.top = max(0, min(s.top, len(s.lines())-s.room()))
	return s, nil
}

// room is the number of lines above the help line.
func (s *screen) room() int { return max(1, s.height-1) }

func (s *screen) lines() []string {
	return strings.Split(strings.TrimRight(Render(s.snapshot, s.width), "\n"), "\n")
}

func (s *screen) View() tea.View {
	lines := s.lines()
	help := "q quit"
	if len(lines) > s.room() {
		help = "↑↓ scroll · " + help
	}
	if s.asker.opts.Help != "" {
		help = s.asker.opts.Help + " · " + help
	}
	from := max(0, min(s.top, len(lines)-s.room()))
	shown := lines[from:min(len(lines), from+s.room())]
	for len(shown) < s.room() {
		shown = append(shown, "")
	}
	view := tea.NewView(strings.Join(shown, "\n") + "\n" + quiet.Render(ansi.Truncate(help, max(1, s.width), "…")))
	view.AltScreen = true
	view.WindowTitle = "Storj nodes"
	return view
}
