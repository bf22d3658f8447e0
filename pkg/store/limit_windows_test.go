package store

import (
	"errors"
	"time"
)

const (
	canLimitFileSize = false
	writerLimit      = "STORE_TEST_FILE_LIMIT"
)

func limitFileSize(uint64) error { return errors.New("not on Windows") }

var began = time.Now()

// cpuTime stands for what the process has used: here, the time that has passed.
func cpuTime() time.Duration { return time.Since(began) }
