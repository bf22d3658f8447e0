package logsource

import "time"

// Kind is how a log is reached.
type Kind uint8

// The kinds of source.
const (
	FileSource Kind = iota
	TCPSource
	DockerSource
)

// Source says where a log comes from.
type Source struct {
	Kind      Kind
	Path      string // of a file
	Address   string // of a forwarder: host:port; of Docker: unix:///path or tcp://host:port, "" for its own default
	Container string // of Docker: the container's name
}

// Positions is where a follower is in everything that it reads of one log. It is kept
// with what the lines before it gave, as JSON.
type Positions struct {
	Files  []FilePosition   `json:"files,omitempty"`
	Docker []DockerPosition `json:"docker,omitempty"`
}

// FilePosition is where a follower is in one file. A file is known by how its text
// begins: under whatever name, copied or compressed, it is the same.
type FilePosition struct {
	Fingerprint string `json:"fingerprint"`       // of the first bytes of the decompressed text
	Length      int64  `json:"fingerprintLength"` // of how many: 1 KiB, less while the file is shorter
	Offset      int64  `json:"offset"`            // read up to here, but for the gaps
	Gaps        []Gap  `json:"gaps,omitempty"`    // what is still to be read in the background
	// Hints, to find the file again: names, devices and inodes change.
	Name     string    `json:"name,omitempty"`
	Device   uint64    `json:"device,omitempty"`
	Inode    uint64    `json:"inode,omitempty"`
	LastRead time.Time `json:"lastRead"`
}

// Gap is a part of a file, in bytes of its decompressed text.
type Gap struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// DockerPosition is where a follower is in the log of one container.
type DockerPosition struct {
	Container string    `json:"container"` // its id
	Last      time.Time `json:"last"`      // the last line's time
	Equal     int       `json:"equal"`     // how many lines with just this time were read
	// Where reading begins again, a little before Last because lines of two streams are
	// not in the order of their times, and how many lines were read from there on. Where
	// From is zero, it is Last, and Count is Equal.
	From  time.Time `json:"from,omitzero"`
	Count int       `json:"count,omitempty"`
	// The latest time from before the daemon's clock was set back, while that matters.
	SetBack time.Time `json:"setBack,omitzero"`
}

// Block is some lines of a log, in order.
type Block struct {
	// Lines are whole lines, each with the newline that ends it; only what a finished
	// file ends in may lack it. They are valid during the call alone.
	Lines []byte
	// Arrivals are when each line came, of sources that know; else nil.
	Arrivals []time.Time
	// Live says that the lines were read just when they were written, at Read.
	Live bool
	// Prompt says of live lines of a file that Read is when they came, because the file
	// system told of them. Where it does not, as over a network, they were found at the next
	// look, which is up to some seconds later.
	Prompt bool
	Read   time.Time
}

// Options of a follower.
type Options struct {
	Source Source
	// Resume is where an earlier follower of this log was; the zero value is a first start.
	Resume Positions
	// Backfill is how far back a first start reads; 0: from the end on; negative: all.
	Backfill time.Duration
	// TimeOf reads a line's time, so that a first start finds where to begin.
	TimeOf func(line []byte) (time.Time, bool)
	// Deliver takes the next lines, and where the follower is after them. It is never
	// called twice at the same time. An error ends the follower.
	Deliver func(Block, Positions) error
	// Watcher wakes the followers of files; it is shared by all of a process.
	Watcher *Watcher
	Now     func() time.Time // nil: time.Now
}

// State is what a follower does at the moment.
type State string

// The states.
const (
	Waiting      State = "waiting"      // there is no file or container yet, or it may not be read
	CatchingUp   State = "catching up"  // it reads what was written before
	Following    State = "following"    // it is at the end
	Connecting   State = "connecting"   // no connection yet
	Disconnected State = "disconnected" // there was one
)

// Notice is something that an operator should know of a log that is followed.
type Notice struct {
	Severity Severity
	Text     string
	Mend     string
}

// Severity is how grave a notice is.
type Severity uint8

// The severities.
const (
	Info Severity = iota + 1
	Warning
	Critical
)

// Status describes a follower.
type Status struct {
	State    State
	Since    time.Time
	Trouble  string // why nothing can be read, or ""
	Mend     string
	LastRead time.Time // when the last line was read; zero: none yet
	Behind   int64     // bytes that are there and not read yet
	// Of the background reading of what was written before a first start, in bytes.
	BackfillDone, BackfillTotal int64
	LongLines                   int64 // lines that were cut
	BadStamps                   int64 // lines of a forwarder without a good time
	Reconnects                  int64
	Notices                     []Notice
}
