package console

import (
	"context"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

func manyNodes(n int) Snapshot {
	snapshot := Snapshot{Answered: true}
	for i := range n {
		snapshot.Nodes = append(snapshot.Nodes, Node{Name: fmt.Sprintf("node-%02d", i), State: "unreachable"})
	}
	return snapshot
}

func press(s *screen, keys ...string) {
	codes := map[string]rune{"up": tea.KeyUp, "down": tea.KeyDown, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "end": tea.KeyEnd, "home": tea.KeyHome}
	for _, key := range keys {
		s.Update(tea.KeyPressMsg{Code: codes[key]})
	}
}

func TestScreenScrollsWithinItsLines(t *testing.T) {
	s := &screen{ctx: context.Background(), asker: &asker{opts: Options{Help: "a demo"}}}
	s.Update(tea.WindowSizeMsg{Width: 90, Height: 12})
	s.Update(manyNodes(20))
	shown := func() string { return ansi.Strip(s.View().Content) }
	expect := func(when, first string) {
		t.Helper()
		lines := strings.Split(shown(), "\n")
		if len(lines) != 12 || !strings.Contains(lines[0], first) || !strings.Contains(lines[11], "a demo · ↑↓ scroll · q quit") {
			t.Errorf("%s: %d lines, the first is not %q:\n%s", when, len(lines), first, shown())
		}
	}
	expect("at first", "Storj nodes")
	press(s, "up")
	expect("above the top", "Storj nodes")
	press(s, "down", "down", "down")
	expect("three lines down", "node-00")
	press(s, "end")
	if !strings.Contains(shown(), "node-19") {
		t.Errorf("at the end the last node is not shown:\n%s", shown())
	}
	press(s, "pgdown", "down")
	if !strings.Contains(shown(), "node-19") {
		t.Errorf("below the end the last node is gone:\n%s", shown())
	}
	s.Update(manyNodes(1)) // the list got shorter while its end was in view
	if !strings.Contains(shown(), "node-00") || strings.Contains(shown(), "scroll") {
		t.Errorf("a short list is not shown whole:\n%s", shown())
	}
	press(s, "home")
	expectQuit := func(key tea.KeyPressMsg) {
		t.Helper()
		if _, command := s.Update(key); command == nil {
			t.Errorf("%s does not quit", key)
		} else if _, quits := command().(tea.QuitMsg); !quits {
			t.Errorf("%s does not quit", key)
		}
	}
	expectQuit(tea.KeyPressMsg{Code: 'q', Text: "q"})
	expectQuit(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
}
