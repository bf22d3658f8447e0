package storagenode

import "bytes"

// transferMessage is the message and the kind of a transfer's line, or OtherLine. These
// are nearly all lines of a log.
func transferMessage(message []byte) (string, Kind) {
	switch string(message) {
	case "upload started":
		return "upload started", UploadStarted
	case "download started":
		return "download started", DownloadStarted
	case "uploaded":
		return "uploaded", UploadEnded
	case "downloaded":
		return "downloaded", DownloadEnded
	case "upload canceled":
		return "upload canceled", UploadEnded
	case "download canceled":
		return "download canceled", DownloadEnded
	case "upload canceled (race lost or node shutdown)":
		return "upload canceled (race lost or node shutdown)", UploadEnded
	case "download canceled (race lost or node shutdown)":
		return "download canceled (race lost or node shutdown)", DownloadEnded
	case "upload failed":
		return "upload failed", UploadEnded
	case "download failed":
		return "download failed", DownloadEnded
	case "upload rejected, too many requests":
		return "upload rejected, too many requests", UploadEnded
	}
	return "", OtherLine
}

// judge says how a transfer ended, and what a line is about where its message alone does
// not tell.
func (p *Parser) judge() {
	e := &p.event
	switch e.Kind {
	case UploadStarted, DownloadStarted, OtherLine:
	case UploadEnded, DownloadEnded:
		p.judgeEnd()
	case TransferTwin, PieceReadFailed:
		e.Cause = causeOf(e.Reason, true)
	case Pinged:
		if by, ok := e.value("by"); ok && e.Satellite == "" {
			e.Satellite = p.satellites.id(by.text())
		}
	case PieceMigrated, PieceNotMigrated:
		if id, ok := e.value("id"); ok && e.Piece == nil {
			e.Piece = id.text()
		}
	case MigrationFinished:
		// The line names the satellite by its folder only.
		if dir, ok := e.Text("dir"); ok && e.Satellite == "" {
			e.Satellite = p.satellites.id([]byte(satelliteOfFolder(dir)))
		}
	case OrdersSettled:
		// Others finish, too, and say less.
		if _, counted := e.Int("count"); e.Level != Info || !counted {
			e.Kind = OtherLine
		}
	}
}

func (p *Parser) judgeEnd() {
	e := &p.event
	switch e.Message {
	case "uploaded", "downloaded":
		e.Outcome = OutcomeSuccess
	case "upload canceled", "upload canceled (race lost or node shutdown)":
		e.Outcome = OutcomeCanceled
		if e.Level == Debug {
			e.twin()
			return
		}
		p.canceled.add(e.Piece)
	case "download canceled", "download canceled (race lost or node shutdown)":
		// Of an audit, too: the satellite has what it wanted, and hung up.
		e.Outcome = OutcomeCanceled
		if e.Level == Debug {
			e.twin()
		}
	case "upload failed":
		e.Cause = causeOf(e.Reason, true)
		e.Outcome = OutcomeFailed
		if e.Level == Debug {
			// The other side has canceled it. Some versions say so beside the line of
			// the lost race.
			e.Outcome = OutcomeCanceled
			if p.canceled.take(e.Piece) {
				e.twin()
			}
		}
	case "download failed":
		e.Cause = causeOf(e.Reason, false)
		e.Outcome = OutcomeFailed
	case "upload rejected, too many requests":
		e.Outcome = OutcomeRejected
	}
}

func (e *Event) twin() { e.Kind, e.Outcome, e.Cause = TransferTwin, NoOutcome, NoCause }

// maxPiece is the longest piece id that is remembered; they have 52 characters.
const maxPiece = 64

// recentPieces remembers some pieces. A twin follows at once, but for the lines that
// other transfers write at the same time.
type recentPieces struct {
	pieces [16]struct {
		id     [maxPiece]byte
		length int // 0: none
	}
	next int
}

func (r *recentPieces) add(piece []byte) {
	if len(piece) == 0 || len(piece) > maxPiece {
		return
	}
	slot := &r.pieces[r.next%len(r.pieces)]
	slot.length = copy(slot.id[:], piece)
	r.next++
}

// take says whether a piece is remembered, and forgets it.
func (r *recentPieces) take(piece []byte) bool {
	for i := range r.pieces {
		slot := &r.pieces[i]
		if slot.length > 0 && bytes.Equal(slot.id[:slot.length], piece) {
			slot.length = 0
			return true
		}
	}
	return false
}

// all are the pieces that are remembered.
func (r *recentPieces) all() []string {
	var pieces []string
	for i := range r.pieces {
		if slot := &r.pieces[i]; slot.length > 0 {
			pieces = append(pieces, string(slot.id[:slot.length]))
		}
	}
	return pieces
}

// maxErrorText is how much of an error is looked at: the words that tell its cause are
// at its beginning or at its end.
const maxErrorText = 2 << 10

// The words that tell why a transfer failed, as Linux, Windows and Go write them.
var (
	missingWords = words("does not exist", "no such file", "cannot find the file", "cannot find the path")
	// fileWords are of the node's own files. They come before the client's: a disk on a network
	// times out, resets and breaks off in the same words as a connection, but at a path.
	fileWords = words(
		"read /", "open /", "stat /", "seek /", "write /", `:\`, ` \\`, "use of closed file",
	)
	// A client's connection that times out or is aborted is known by "tcp" or "udp": a disk's is not.
	clientWords = words(
		"broken pipe", "connection reset", "use of closed", "context canceled", "closed by peer", "stream closed", "manager closed",
		" tcp ", " udp ", "forcibly closed",
	)
	storageWords = words(
		"input/output error", "permission denied", "Access is denied", "EOF", "more data than available", "database", "disk", "no space left",
		"read-only file system", "is a directory", "not a directory", "bad file descriptor", "stale", "structure needs cleaning", "too many open files",
		"checksum", "file already closed", "cyclic redundancy", "device", "hashstore:", "pieces error:", "filestore error:", "blobstore",
	)
)

func words(words ...string) [][]byte {
	all := make([][]byte, len(words))
	for i, word := range words {
		all[i] = []byte(word)
	}
	return all
}

// causeOf reads an error. An end of file is the client's where it sends, and the disk's
// where the node reads.
func causeOf(text []byte, upload bool) Cause {
	if len(text) > maxErrorText {
		head, tail := text[:maxErrorText/2], text[len(text)-maxErrorText/2:]
		if cause := causeOf(head, upload); cause != OtherCause {
			return cause
		}
		return causeOf(tail, upload)
	}
	contains := func(words [][]byte) bool {
		for _, word := range words {
			if bytes.Contains(text, word) {
				return true
			}
		}
		return false
	}
	switch {
	case len(text) == 0:
		return NoCause
	case contains(missingWords):
		return PieceMissing
	case contains(fileWords):
		return StorageError
	case contains(clientWords), upload && bytes.Contains(text, []byte("EOF")):
		return ClientLeft
	case contains(storageWords):
		return StorageError
	}
	return OtherCause
}
