package conditions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// name is this package's part of the keys in the store.
const name = "conditions"

// remembered is for how long a condition that cleared keeps its row: an alert resolves by a
// value, and not because a row is gone.
const remembered = 24 * time.Hour

// State is a condition at a node, and a satellite where it has one, that is raised or was.
type State struct {
	Code      string    `json:"code"`
	Satellite string    `json:"satellite,omitempty"` // its id
	Severity  Severity  `json:"severity"`            // OK: it has cleared
	Since     time.Time `json:"since"`               // when it began
	RaisedAt  time.Time `json:"raisedAt"`            // when that was told
	ClearedAt time.Time `json:"clearedAt,omitzero"`
	Title     string    `json:"title"`
	Message   string    `json:"message"`
	Value     number    `json:"value"`
	Threshold number    `json:"threshold"`
	Unit      string    `json:"unit,omitempty"`
	// Last is when it last happened, of what can happen again while it is raised. It is no
	// mere number: what happened again is told at once.
	Last time.Time `json:"last,omitzero"`
	// Below is, for each severity up to its own, since when what is found is less
	// grave. It says what "last seen" would, and stays the same while nothing happens.
	Below map[Severity]time.Time `json:"below,omitempty"`
	// Dismissed is when an Editor cleared it, and DismissedAs how grave it was. Its Value and Last
	// are then those that were cleared.
	Dismissed   time.Time `json:"dismissed,omitzero"`
	DismissedAs Severity  `json:"dismissedAs,omitempty"`
	// Covers are the histories of the nodes that it says cannot be reached.
	Covers []string `json:"covers,omitempty"`
}

// place is where a condition can be raised at a node.
type place struct{ code, satellite string }

func (s State) place() place { return place{s.Code, s.Satellite} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.code, other.code), cmp.Compare(p.satellite, other.satellite))
}

// noteUnseen takes over why conditions cannot be judged.
func (r *Record) noteUnseen(unseen map[place]missed) {
	r.Unseen, r.UnseenAt = nil, nil
	for _, at := range slices.SortedFunc(maps.Keys(unseen), place.compare) {
		if r.Unseen == nil {
			r.Unseen = make(map[string]string, len(unseen))
		}
		everywhere := len(r.UnseenAt[at.code]) == 0
		if _, told := r.Unseen[at.code]; !told {
			r.Unseen[at.code] = unseen[at].why // that of no satellite comes first
		} else if everywhere {
			continue
		}
		if at.satellite != "" {
			if r.UnseenAt == nil {
				r.UnseenAt = map[string][]string{}
			}
			r.UnseenAt[at.code] = append(r.UnseenAt[at.code], at.satellite)
		}
	}
}

// blind says why a condition cannot be judged at a satellite, or of all of them where none is
// given: what cannot be at one of them is not wholly watched.
func (r Record) blind(code, satellite string) (why string, blind bool) {
	why, blind = r.Unseen[code]
	if only := r.UnseenAt[code]; satellite != "" && len(only) > 0 && !slices.Contains(only, satellite) {
		return "", false
	}
	return why, blind
}

// worth says whether a state is still to be known.
func (s State) worth(now time.Time) bool {
	if s.Severity > OK || now.Sub(s.ClearedAt) < remembered {
		return true
	}
	gone, ok := s.Below[Info]
	return !s.Dismissed.IsZero() && (!ok || now.Sub(gone) < remembered)
}

// shown says whether it has a row of its own: raised, or cleared within a day.
func (s State) shown(now time.Time) bool { return s.Severity > OK || now.Sub(s.ClearedAt) < remembered }

// Record is what is known of one node's conditions, or of the monitor's own.
type Record struct {
	// Began is when they were first judged.
	Began  time.Time `json:"began"`
	States []State   `json:"states,omitempty"` // by code and satellite
	// Unseen is why conditions cannot be judged now, by their codes.
	Unseen map[string]string `json:"unseen,omitempty"`
	// UnseenAt are the satellites at which a condition cannot be judged, by its code, where
	// it can be at others.
	UnseenAt map[string][]string `json:"unseenAt,omitempty"`
	// TestUntil is how long the condition "test" is raised.
	TestUntil time.Time `json:"testUntil,omitzero"`
	// Written is when the record was last written.
	Written time.Time `json:"written"`
}

// wordsPause is the least time between two writings of a record in which only words and
// numbers changed: some have another number at every look.
const wordsPause = time.Minute

// isRecent says whether something was just now, by a clock that may have been set back.
func isRecent(at, now time.Time) bool { return now.Sub(at).Abs() < wordsPause }

// withoutWords is the record with what is neither words nor numbers.
func (r Record) withoutWords() Record {
	r.Written = time.Time{}
	r.States = slices.Clone(r.States)
	for i := range r.States {
		s := &r.States[i]
		if s.Last.IsZero() {
			s.Value = 0 // of what happens, it is how often: two in a second are two
		}
		s.Title, s.Message, s.Unit, s.Threshold = "", "", "", 0
	}
	unseen := map[string]string{}
	for code := range r.Unseen {
		unseen[code] = ""
	}
	r.Unseen = unseen
	return r
}

// document is the record to be stored instead of another, or nil while that may stand. A
// record that was never stored has no Written.
func (r Record) document(before Record, now time.Time) ([]byte, error) {
	r.Written = before.Written
	is, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	was, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	if !before.Written.IsZero() {
		if string(is) == string(was) {
			return nil, nil
		}
		if isRecent(before.Written, now) {
			is, err := json.Marshal(r.withoutWords())
			if err != nil {
				return nil, err
			}
			was, err := json.Marshal(before.withoutWords())
			if err != nil || string(is) == string(was) {
				return nil, err
			}
		}
	}
	r.Written = now
	return json.Marshal(r)
}

func (r Record) state(p place) (State, bool) {
	for _, s := range r.States {
		if s.place() == p {
			return s, true
		}
	}
	return State{}, false
}

// put puts a state in its place.
func (r *Record) put(state State) {
	at, found := slices.BinarySearchFunc(r.States, state.place(), func(s State, p place) int { return s.place().compare(p) })
	if found {
		r.States[at] = state
		return
	}
	r.States = slices.Insert(r.States, at, state)
}

// documentOf is the key of a node's record, and the group of its series.
func documentOf(history string) string { return name + "/" + history }

// Recall is what is stored of a node's conditions; ok is false when they were never judged.
func Recall(from *store.Store, history string) (record Record, ok bool, err error) {
	document, ok := from.Document(documentOf(history))
	if !ok {
		return Record{}, false, nil
	}
	if err := json.Unmarshal(document, &record); err != nil {
		return Record{}, false, fmt.Errorf("read the stored conditions of %q: %w", history, err)
	}
	record.mend()
	return record, true, nil
}

// mend makes a record that another hand wrote one that can be gone on with.
func (r *Record) mend() {
	for i := range r.States {
		r.States[i].Severity = min(max(r.States[i].Severity, OK), Critical)
	}
	inOrder := func(a, b State) int { return a.place().compare(b.place()) }
	if !slices.IsSortedFunc(r.States, inOrder) {
		slices.SortStableFunc(r.States, inOrder)
	}
	r.States = slices.CompactFunc(r.States, func(a, b State) bool { return a.place() == b.place() })
}

// clock is when all conditions were last judged, and when first.
type clock struct {
	At    time.Time `json:"at"`
	Began time.Time `json:"began"`
}

func recallClock(from *store.Store) (clock, error) {
	document, ok := from.Document(name)
	if !ok {
		return clock{}, nil
	}
	var c clock
	if err := json.Unmarshal(document, &c); err != nil {
		return clock{}, fmt.Errorf("read when the conditions were judged: %w", err)
	}
	return c, nil
}

// number is a float64 that JSON can hold: what is not a number is null there.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// finite is the number, or NaN for an infinite one: what is read back is what was written.
func finite(v float64) number {
	if math.IsInf(v, 0) {
		v = math.NaN()
	}
	return number(v)
}
