package logsource

import (
	"compress/gzip"
	"errors"
	"os"
	"testing"
)

// compress writes a file's content, compressed, to another.
func compress(t *testing.T, from, to string) {
	t.Helper()
	must(t, compressTo(from, to))
}

func compressTo(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	zip, _ := gzip.NewWriterLevel(file, gzip.BestSpeed)
	_, err = zip.Write(content)
	return errors.Join(err, zip.Close(), file.Close())
}
