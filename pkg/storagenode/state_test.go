package storagenode_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// resumed is a parser that goes on where another stopped, through the form in which that is kept.
func resumed(t *testing.T, p *storagenode.Parser) *storagenode.Parser {
	t.Helper()
	kept, err := json.Marshal(p.State())
	if err != nil {
		t.Fatal(err)
	}
	var state storagenode.ParserState
	if err := json.Unmarshal(kept, &state); err != nil {
		t.Fatal(err)
	}
	next := storagenode.NewParser()
	next.Resume(state)
	return next
}

func TestAParserGoesOnWithinASplitLine(t *testing.T) {
	line := "2026-11-22T22:23:07Z\tERROR\torders\tfailed\t{\"error\": \"" + strings.Repeat("x", 100) + "\"}"
	escaped, err := json.Marshal(line + "\n")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Trim(string(escaped), `"`)
	for _, stream := range []string{"stderr", "stdout"} {
		first := `{"log":"` + text[:60] + `","stream":"` + stream + `","time":"2026-11-22T22:23:07Z"}`
		second := `{"log":"` + text[60:] + `","stream":"` + stream + `","time":"2026-11-22T22:23:07Z"}`
		p := storagenode.NewParser()
		if event, err := p.Parse([]byte(first)); event != nil || err != nil {
			t.Fatal(event, err)
		}
		event, err := resumed(t, p).Parse([]byte(second))
		if err != nil || event == nil || event.Message != "failed" || len(event.Fields) != len(line)-len("2026-11-22T22:23:07Z\tERROR\torders\tfailed\t") {
			t.Errorf("%s: %+v, %v", stream, event, err)
		}
		p.GiveUp()
		if !p.State().IsZero() || len(p.Unparsed()) != 1 || p.Unparsed()[0].Reason != storagenode.LostDockerPart {
			t.Errorf("%s: a line whose end does not come: %+v, %+v", stream, p.State(), p.Unparsed())
		}
	}
}

func TestAParserKnowsATwinOfTheLineBefore(t *testing.T) {
	const fields = `{"piece_id": "PIECE", "satellite_id": "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S", "action": "PUT", "size": 1`
	p := storagenode.NewParser()
	if event, err := p.Parse([]byte("2026-11-22T22:23:07Z\tINFO\tpiecestore\tupload canceled\t" + fields + "}")); err != nil || event.Outcome != storagenode.OutcomeCanceled {
		t.Fatal(event, err)
	}
	event, err := resumed(t, p).Parse([]byte("2026-11-22T22:23:07Z\tDEBUG\tpiecestore\tupload failed\t" + fields + `, "error": "context canceled"}`))
	if err != nil || event.Kind != storagenode.TransferTwin {
		t.Errorf("%+v, %v", event, err)
	}
}
