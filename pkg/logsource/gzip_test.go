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
	content, err := os.ReadFile(from)
	must(t, err)
	file, err := os.Create(to)
	must(t, err)
	zip := gzip.NewWriter(file)
	_, err = zip.Write(content)
	must(t, errors.Join(err, zip.Close(), file.Close()))
}
