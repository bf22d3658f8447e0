package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The file is BuntDB's: a list of commands in the Redis protocol. BuntDB refuses
// a file with a torn tail, miscounts one with zeroes in it, and takes a flipped
// bit for data. So the file is read here first, and what BuntDB gets is whole.

const (
	setCommand    = "*3\r\n$3\r\nset\r\n$"
	deleteCommand = "*2\r\n$3\r\ndel\r\n$"
)

// parseCommand reads one command from the start of b: its length and arguments.
func parseCommand(b []byte) (length int, arguments [3][]byte, ok bool) {
	var want int
	switch {
	case bytes.HasPrefix(b, []byte(setCommand)):
		want = 3
	case bytes.HasPrefix(b, []byte(deleteCommand)):
		want = 2
	default:
		return 0, arguments, false
	}
	at := len("*3\r\n")
	for i := 0; i < want; i++ {
		if at >= len(b) || b[at] != '$' {
			return 0, arguments, false
		}
		end := bytes.IndexByte(b[at:min(len(b), at+24)], '\n')
		if end < 2 || b[at+end-1] != '\r' {
			return 0, arguments, false
		}
		n, err := strconv.ParseUint(string(b[at+1:at+end-1]), 10, 31)
		at += end + 1
		if err != nil || int(n) > len(b)-at-2 || b[at+int(n)] != '\r' || b[at+int(n)+1] != '\n' {
			return 0, arguments, false
		}
		arguments[i] = b[at : at+int(n)]
		at += int(n) + 2
	}
	return at, arguments, true
}

// nextCommand is the offset of the next place that looks like a command.
func nextCommand(b []byte) int {
	next := len(b)
	for _, start := range []string{setCommand, deleteCommand} {
		if i := bytes.Index(b, []byte(start)); i >= 0 && i < next {
			next = i
		}
	}
	return next
}

type fileState struct {
	whole   []byte // every command that could be read
	damaged int    // bytes that could not
	torn    bool   // whether they are the file's end, and nothing else
	format  string
	// named are keys of chunks and documents that damaged bytes name, where what they stand for
	// may be gone.
	named []string
	// outdated are documents of which a later state may have been in damaged bytes.
	outdated []string
	// sealedLost says that damaged bytes may have held chunks, named or not.
	sealedLost bool
	noted      string // by a repair after which no opening came to its end
	// misnamed are keys of values that had other ones, and have them back.
	misnamed []string
}

// damageNote is what a repaired file says under damageKey, until an opening has drawn what
// follows: one that ends before would leave nobody who knows.
type damageNote struct {
	Damaged         int
	Named, Outdated []string
	Misnamed        []string
	SealedLost      bool
	Kept            string
}

func (f *fileState) note(kept string) []byte {
	value, _ := json.Marshal(damageNote{f.damaged, f.named, f.outdated, f.misnamed, f.sealedLost, kept})
	return setting(damageKey, withChecksum(damageKey, string(value)))
}

// setting is the command that sets a key.
func setting(key, value string) []byte {
	var b bytes.Buffer
	_ = writeCommands(&b, []string{key}, []string{value})
	return b.Bytes()
}

// repaired says whether the file is not to stay as it was found.
func (f *fileState) repaired() bool { return f.damaged > 0 || len(f.misnamed) > 0 }

// newer is an error if the format is a later one than this version knows.
func (f *fileState) newer(path string) error {
	if format, _ := strconv.Atoi(f.format); format > currentFormatNumber {
		return &NewerFormatError{Path: path, Format: f.format}
	}
	return nil
}

// recall adds what was noted, and answers where that original is kept.
func (f *fileState) recall() (kept string) {
	var noted damageNote
	if json.Unmarshal([]byte(f.noted), &noted) != nil {
		return "" // there is no note
	}
	f.damaged += noted.Damaged
	f.misnamed = append(f.misnamed, noted.Misnamed...)
	f.sealedLost = f.sealedLost || noted.SealedLost
	f.named, f.outdated = append(f.named, noted.Named...), append(f.outdated, noted.Outdated...)
	return noted.Kept
}

// inspectFile tells what of a file can be read. Behind damage, it takes what looks like a
// command, as text inside of a value may, only if its value is whole or another one follows.
// It takes no memory beside the file's: behind damage, what is whole moves up in that.
func inspectFile(b []byte) fileState {
	state := fileState{whole: b}
	documents := map[string]int{} // where the latest state of each is
	end := 0                      // of the last damage
	// Sealings put documents, both copies of each, and then mark that they did. Of damage
	// behind which there is no mark, the commits are there still.
	mark, damaged, outdated := 0, 0, 0 // the last; the last before damage, and before damage with one behind it
	sealed := uint64(0)                // up to where the last mark says that all is
	var named []string                 // since the last mark
	for at := 0; at < len(b); {
		n, arguments, ok := parseCommand(b[at:])
		if !ok || end == at && end > 0 && !trusted(b[at+n:], arguments) {
			if !state.repaired() {
				state.whole, state.torn = b[:at], true
			}
			n = 1 + nextCommand(b[at+1:])
			named = append(named, namedIn(b[at:at+n])...)
			state.damaged += n
			at += n
			end, damaged = at, mark
			continue
		}
		key, command := string(arguments[1]), b[at:at+n]
		if own, misnamed := ownKey(arguments[1], arguments[2]); misnamed {
			if !state.repaired() {
				state.whole = b[:at]
			}
			state.misnamed = append(state.misnamed, own)
			key, command = own, setting(own, string(arguments[2]))
		}
		switch document, isDocument := documentKey(key); {
		case key == damageKey:
			state.noted, _, _ = checkedText(key, string(arguments[2]))
		case key == formatKey:
			if format, _, err := checkedText(key, string(arguments[2])); err == nil {
				state.format = format
			}
		case isDocument && arguments[2] == nil:
			delete(documents, document)
		case isDocument:
			if intact(key, string(arguments[2])) == nil {
				documents[document] = at
			}
		case state.damaged > 0 && arguments[2] != nil && strings.HasPrefix(key, "w:"):
			// Damage may have taken the mark itself. Commits say what was sealed before them.
			if _, before, _, err := decodeCommit(string(arguments[2])); err != nil || before <= sealed {
				break
			}
			fallthrough
		case key == sealedKey, arguments[2] == nil && strings.HasPrefix(key, "w:"):
			mark, outdated = at, damaged
			state.named, named = append(state.named, named...), nil
			state.sealedLost = state.damaged > 0
		}
		if key == sealedKey {
			sealed = max(sealed, sealedUpTo(string(arguments[2])))
		}
		if state.repaired() {
			state.whole, state.torn = append(state.whole, command...), false
		}
		at += n
	}
	if mark == 0 { // damage may have taken it
		state.sealedLost = state.damaged > 0
	}
	for document, at := range documents {
		if at < outdated {
			state.outdated = append(state.outdated, document)
		}
	}
	slices.Sort(state.outdated)
	return state
}

// trusted says whether a command behind damage is one, and not a part of a damaged value.
func trusted(rest []byte, arguments [3][]byte) bool {
	if arguments[2] != nil && intact(string(arguments[1]), string(arguments[2])) == nil {
		return true
	}
	_, _, ok := parseCommand(rest)
	return ok || len(rest) == 0
}

// intact says whether a value is what was written under a key.
func intact(key, value string) error {
	var err error
	switch kind, _, _ := strings.Cut(key, ":"); kind {
	case "w":
		_, err = verified(value)
	case "c":
		_, err = decodeChunk(key, value)
	case "b", "d":
		_, _, _, err = decodeDocument(key, value)
	default:
		_, _, err = checkedText(key, value)
	}
	return err
}

// namedIn finds the keys of chunks and documents in damaged bytes.
func namedIn(b []byte) (keys []string) {
	for _, line := range bytes.Split(b, []byte("\r\n")) {
		if len(line) > 300 || !utf8.Valid(line) {
			continue
		}
		_, isChunk := chunkPlace(string(line))
		if _, isDocument := documentKey(string(line)); isChunk || isDocument {
			keys = append(keys, string(line))
		}
	}
	return keys
}

// NewerFormatError says that the file was written by a later version of the
// plugin. The file is left as it is.
type NewerFormatError struct{ Path, Format string }

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("the store %s has format %s, this version of the plugin reads up to %s: install the newer version again, or move the file away to start afresh", e.Path, e.Format, currentFormat)
}

// repairFile makes the file fit for BuntDB. If it was damaged, the original is
// kept aside and named in the answer.
func repairFile(path string, now time.Time) (kept string, state fileState, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return "", state, err
		}
		return "", state, f.Close()
	}
	if err != nil {
		return "", state, err
	}
	state = inspectFile(b)
	if err := state.newer(path); err != nil {
		return "", state, err
	}
	whole := state.whole
	state.whole = nil // BuntDB is to read it without the same in memory twice
	if !state.repaired() {
		kept = state.recall()
		return kept, state, nil
	}
	state.recall()
	kept, err = keepAside(path, now, linked)
	if err == nil {
		err = ReplaceFile(path, whole, state.note(kept))
	}
	if err != nil && state.torn {
		// A commit that a full disk tore is the commonest damage: cutting it off takes no space. A
		// second name of the same file would keep nothing then.
		if isSame(path, kept) {
			_ = os.Remove(kept)
			kept = ""
		}
		if cut := os.Truncate(path, int64(len(whole))); cut == nil {
			return kept, state, nil
		}
	}
	return kept, state, err
}

func isSame(path, other string) bool {
	a, err := os.Stat(path)
	b, failed := os.Stat(other)
	return err == nil && failed == nil && os.SameFile(a, b)
}

// keptCopies is how many damaged originals are kept: the one just made, and the newest of the
// others by their names. The one just made may have an older name, if a clock was set back.
const keptCopies = 5

// keepAside keeps a file under a name that says when it was found damaged.
func keepAside(path string, now time.Time, keep func(path, kept string) error) (string, error) {
	const mark = ".corrupt-"
	kept := path + mark + now.UTC().Format("20060102T150405.000")
	if err := keep(path, kept); err != nil {
		return "", err
	}
	copies, err := filepath.Glob(path + mark + "*") // in order of their times
	others := slices.DeleteFunc(copies, func(name string) bool { return name == kept })
	for ; len(others) > keptCopies-1; others = others[1:] {
		err = errors.Join(err, os.Remove(others[0]))
	}
	return kept, err
}

// linked keeps a file by a second name, where the file system has those: so it takes neither
// memory nor space, but the file is to be replaced then, and not written to.
func linked(path, kept string) error {
	if os.Link(path, kept) != nil {
		return copied(path, kept)
	}
	return syncFolder(filepath.Dir(kept))
}

// copied keeps a file by a copy.
func copied(path, kept string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	err = replaceFile(kept, func(f *os.File) error {
		_, err := io.Copy(f, from)
		return err
	})
	return errors.Join(err, from.Close())
}

// ReplaceFile writes a file so that a reader, also after a power cut, sees either
// the old or the new one, whole.
func ReplaceFile(path string, parts ...[]byte) error {
	return replaceFile(path, func(f *os.File) error {
		for _, part := range parts {
			if _, err := f.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
}

func replaceFile(path string, write func(f *os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = syncFile(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}
