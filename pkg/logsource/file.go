package logsource

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	maxTails   = 16       // rotated files that are held open at once
	fairAmount = 16 << 20 // what is read of one file before the others are looked at
)

// fileFollower follows one log file: the file of that name, those that it was rotated to,
// and in the background what was written before.
type fileFollower struct {
	*Follower
	log     string // the path that was given, absolute
	bell    *waker
	folders map[string]bool // that are watched

	known   *known
	current *tail       // what the log's name leads to; nil: nothing that can be read
	old     []*tail     // what was rotated away and is still held
	pending []candidate // rotated files to be read, the oldest first
	trouble *Trouble    // why the log's name leads to nothing that can be read

	first   bool      // where to begin in what the log's name leads to is not decided
	missing bool      // there was no file before
	looked  bool      // a round was made
	rung    bool      // one is made because the file system told of something, or shortly after another
	started time.Time // when this follower was

	surveyed time.Time // when the rotated files were looked through
	survey   bool      // they are to be looked through
	stamps   map[string]fileStamp
	back     background
}

// runFile follows a file until the context ends.
func (f *Follower) runFile(ctx context.Context) error {
	t := newFileFollower(f)
	defer t.close()
	return t.run(ctx)
}

func newFileFollower(f *Follower) *fileFollower {
	log, err := filepath.Abs(f.o.Source.Path)
	if err != nil {
		log = f.o.Source.Path
	}
	t := &fileFollower{
		Follower: f, log: log,
		folders: map[string]bool{},
		known:   newKnown(f.positions.Files),
		first:   true,
		started: f.o.Now(),
		survey:  true,
		stamps:  map[string]fileStamp{},
	}
	t.back.init(t.known)
	t.bell = newWaker(t.isKin)
	return t
}

func (t *fileFollower) run(ctx context.Context) error {
	wait := t.pace.fast
	timer := time.NewTimer(0)
	defer timer.Stop()
	var round time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			// What is found shortly after the last look came just before, too.
			t.rung = !round.IsZero() && time.Since(round) <= t.pace.settle
		case <-t.bell.bell:
			t.rung = true
			// One look for all that is written in a short while.
			if rest := t.pace.settle - time.Since(round); rest > 0 {
				if err := pause(ctx, rest); err != nil {
					return err
				}
			}
			wait = t.pace.fast
		}
		round = time.Now()
		did, more, err := t.round(ctx)
		switch {
		case err != nil:
			return err
		case more:
			timer.Reset(0)
			continue
		case did:
			wait = t.pace.fast
		}
		busy, err := t.readBack(ctx)
		switch {
		case err != nil:
			return err
		case busy:
			// As long as it took: half a core at most, and the live part goes first.
			timer.Reset(time.Since(round))
			continue
		}
		timer.Reset(wait)
		wait = min(2*wait, t.pace.slow)
	}
}

// round looks at everything once. It answers whether there was something new, and whether
// there is more to be read at once.
func (t *fileFollower) round(ctx context.Context) (did, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, false, err
	}
	if t.bell.others.Swap(false) {
		t.survey = true
	}
	changed := t.findCurrent()
	if t.first {
		if err := t.begin(); err != nil {
			return false, false, err
		}
	}
	if t.first && len(t.known.texts) == 0 {
		// Nothing is known yet, so everything would be new.
	} else if t.survey && (changed || t.surveyed.IsZero() || t.o.Now().Sub(t.surveyed) >= t.pace.fast) ||
		t.o.Now().Sub(t.surveyed) >= t.pace.survey {
		t.lookThrough()
	}
	did, more, err = t.readNew(ctx)
	if err != nil {
		return false, false, err
	}
	t.letGo()
	t.report()
	t.looked = true
	return did || changed, more || !t.first && t.survey && t.surveyed.IsZero(), nil
}

// findCurrent opens what the log's name leads to now. It answers whether that is another
// file than before.
func (t *fileFollower) findCurrent() (changed bool) {
	t.watch(t.log)
	info, err := os.Stat(t.log)
	if err == nil && info.Mode().IsRegular() && t.current != nil && os.SameFile(t.current.info, info) {
		if info.Size() > t.current.info.Size() {
			t.current.grew = t.o.Now()
		}
		t.current.info = info
		t.trouble = nil
		return false
	}
	if err != nil || !info.Mode().IsRegular() {
		t.trouble = t.whatIsWrong()
		if t.trouble == nil {
			return false // it changed meanwhile
		}
		if t.current == nil || errors.Is(err, fs.ErrPermission) {
			return false // what is open can be read on
		}
		t.retire()
		t.surveySoon()
		return true
	}
	file, info, err := openText(t.log)
	if err != nil {
		t.trouble = troubleAt(t.log, err)
		if t.current != nil {
			t.retire()
			t.surveySoon()
		}
		return false
	}
	t.trouble = nil
	live := t.looked && (t.current == nil || t.current.live)
	t.retire()
	t.surveySoon()
	for i, x := range t.old {
		if os.SameFile(x.info, info) { // it got its name back
			_ = file.Close()
			x.rotated, x.name, x.info = time.Time{}, t.log, info
			t.current = x
			t.old = slices.Delete(t.old, i, i+1)
			return true
		}
	}
	t.current = newTail(t.log, file, info)
	t.current.grew = t.o.Now()
	t.current.live = live
	if real, err := filepath.EvalSymlinks(t.log); err == nil {
		t.watch(real)
		t.current.name = real
	}
	return true
}

// surveySoon makes the next survey one that does not wait.
func (t *fileFollower) surveySoon() {
	t.survey, t.surveyed = true, time.Time{}
}

// watch asks to be woken for what happens in the folder of a file.
func (t *fileFollower) watch(path string) {
	folder, base := filepath.Split(path)
	folder = filepath.Clean(folder)
	if !t.folders[folder] {
		t.folders[folder] = true
		t.o.Watcher.add(t.bell, folder, base)
	}
}

// isKin says whether a file in a watched folder is one that the log may have been rotated
// to, or the log itself. The watcher asks from its own goroutine.
func (t *fileFollower) isKin(_, base string) bool {
	return base == filepath.Base(t.log) || isRotated(filepath.Base(t.log), base)
}

// whatIsWrong says why the log cannot be read; nil: it can.
func (t *fileFollower) whatIsWrong() *Trouble {
	_, err := Inspect(t.log)
	var trouble *Trouble
	if errors.As(err, &trouble) {
		return trouble
	}
	return nil
}

func troubleAt(path string, err error) *Trouble {
	var trouble *Trouble
	if errors.As(troubleOf(path, err), &trouble) {
		return trouble
	}
	return &Trouble{Kind: Unreadable, Path: path, Reason: err.Error(), Err: err}
}

// retire makes the current file an old one.
func (t *fileFollower) retire() {
	if t.current == nil {
		return
	}
	t.current.rotated = t.o.Now()
	t.old = append(t.old, t.current)
	t.current = nil
}

// tailOf is the open file that holds a text.
func (t *fileFollower) tailOf(p *FilePosition) *tail {
	for _, x := range t.tails() {
		if x.pos == p {
			return x
		}
	}
	return nil
}

// tails are all files that are held open.
func (t *fileFollower) tails() []*tail {
	if t.current == nil {
		return t.old
	}
	return append(slices.Clip(t.old), t.current)
}

// inUse says whether a text may not be forgotten.
func (t *fileFollower) inUse(p *FilePosition) bool {
	return t.tailOf(p) != nil || t.back.pos == p
}

// beginsLikeAnother says whether what begins so may be the beginning of a text that is
// open in another file.
func (t *fileFollower) beginsLikeAnother(head []byte, but *tail) bool {
	for _, x := range t.tails() {
		if x != but && len(head) < len(x.head) && bytes.HasPrefix(x.head, head) {
			return true
		}
	}
	return false
}

// letGo closes rotated files that do not grow any more, once their successor does.
func (t *fileFollower) letGo() {
	now := t.o.Now()
	for _, x := range slices.Clone(t.old) {
		since := x.grew
		if x.rotated.After(since) {
			since = x.rotated
		}
		if x.behind > 0 || now.Sub(since) < t.pace.letGo {
			continue
		}
		if x.deleted() || t.current != nil && t.current.info.Size() > 0 {
			t.remove(x)
		}
	}
	for len(t.old) > maxTails && t.roomForTail() {
	}
}

// report brings the status up to date.
func (t *fileFollower) report() {
	var notices []Notice
	var behind int64
	live, growing := true, false
	for _, x := range t.tails() {
		behind += x.behind
		live = live && (x.live || x.behind == 0)
		if n, ok := x.notice(t.log, t.pace.still); ok {
			notices, growing = append(notices, n), true
		}
	}
	for _, c := range t.pending {
		behind += c.info.Size()
		live = false
	}
	state, trouble, mend := Following, "", ""
	if t.trouble != nil {
		trouble, mend = t.trouble.Reason, t.trouble.Mend
	}
	switch {
	case t.current == nil && !growing && behind == 0:
		state = Waiting
	case !live || behind > fairAmount:
		state = CatchingUp
	}
	t.setState(state, trouble, mend)
	t.update(func(s *Status) {
		s.Notices, s.Behind = notices, behind
		s.BackfillDone, s.BackfillTotal = t.back.done, t.back.total
	})
}

// close lets go of everything.
func (t *fileFollower) close() {
	for folder := range t.folders {
		t.o.Watcher.drop(t.bell, folder)
	}
	for _, x := range slices.Clone(t.tails()) {
		t.remove(x)
	}
	t.back.close()
}
