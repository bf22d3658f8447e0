package storagenode

import "bytes"

// ParserState is what a parser must know of the lines before the next one. Who goes on where a
// log was left gives it to the new parser.
type ParserState struct {
	// Parts are the beginnings of lines that Docker has split, of stderr and stdout.
	Parts [2]*SplitLine `json:"parts"`
	// Canceled are pieces of uploads that were just canceled: a twin may follow.
	Canceled []string `json:"canceled,omitempty"`
}

// SplitLine is the beginning of a line.
type SplitLine struct {
	Text []byte `json:"text"`
	Cut  bool   `json:"cut,omitempty"`
}

// IsZero says whether there is nothing to know.
func (s ParserState) IsZero() bool {
	return s.Parts[0] == nil && s.Parts[1] == nil && len(s.Canceled) == 0
}

// State is what the next parser of this log must know.
func (p *Parser) State() ParserState {
	var state ParserState
	for i, part := range p.parts {
		if part.waiting {
			state.Parts[i] = &SplitLine{Text: bytes.Clone(part.text), Cut: part.cut}
		}
	}
	state.Canceled = p.canceled.all()
	return state
}

// Resume goes on where another parser of this log stopped.
func (p *Parser) Resume(state ParserState) {
	for i, part := range state.Parts {
		if part != nil {
			p.parts[i] = linePart{text: bytes.Clone(part.Text[:min(len(part.Text), maxLine)]), waiting: true, cut: part.Cut}
		}
	}
	for _, piece := range state.Canceled {
		p.canceled.add([]byte(piece))
	}
}

// GiveUp counts the lines of which the end did not come: the text is over.
func (p *Parser) GiveUp() {
	for i := range p.parts {
		if part := &p.parts[i]; part.waiting {
			p.unparsed.add(LostDockerPart, part.text)
			*part = linePart{text: part.text[:0]}
		}
	}
}
