package store

import "errors"

const (
	canLimitFileSize = false
	writerLimit      = "STORE_TEST_FILE_LIMIT"
)

func limitFileSize(uint64) error { return errors.New("not on Windows") }
