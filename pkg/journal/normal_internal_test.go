package journal

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestNormal(t *testing.T) {
	for _, c := range []struct{ message, want string }{
		{"", ""},
		{"payouts err", "payouts err"},
		{"piecesTotal < 0", "piecesTotal < <n>"},
		{"satPiecesTotal: -37888 bytes", "satPiecesTotal: -<n> bytes"},
		{"write tcp 127.0.0.1:18100->127.0.0.1:50414: write: broken pipe", "write tcp <address>-><address>: write: broken pipe"},
		{"dial tcp [2001:db8::1]:7777: i/o timeout", "dial tcp [<address>]:<n>: i/o timeout"},
		{"lookup us1.storj.io:7777 failed", "lookup <address> failed"},
		{"open /var/lib/storagenode/node1/storage/storage-dir-verification: no such file or directory", "open <path>: no such file or directory"},
		{`open D:\storj\blobs\aa.sj1: The system cannot find the file specified.`, "open <path>: The system cannot find the file specified."},
		{"get https://version.storj.io/x: EOF", "get <path>: EOF"},
		{"timed out after 1m0.5s while verifying", "timed out after <duration> while verifying"},
		{"took 163.0789ms, then 44.446µs", "took <duration>, then <duration>"},
		{"satellite 12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S is untrusted", "satellite <id> is untrusted"},
		{"trash namespace 022bde36db5859a30ca5476b5c9853bcbe45178af75e799ad80b057de82ad000", "trash namespace <id>"},
		{"trace 4f2a9c01-77de-4b1e-9a55-0c8f8d1f2b3c", "trace <id>"},
		{"hash deadbeef01 differs", "hash <id> differs"},
		{"at 2026-11-22T22:23:07Z and 2026-11-22", "at <time> and <time>"},
		{"outdated software version (v1.140.0), please update", "outdated software version (v<n>), please update"},
		{"221.7 MiB of 1000000", "<n> MiB of <n>"},
		{"GET_AUDIT of sj1", "GET_AUDIT of sj<n>"},
		{"first line\n\tat stack:12", "first line"},
		{"a\tb\x00c\x7f", "a b c"},
		{"bad \xff\xfe text", "bad \uFFFD text"},
		{strings.Repeat("word ", 100), strings.TrimSpace(strings.Repeat("word ", 48))},
	} {
		if got := normal(c.message); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.message, got, c.want)
		}
	}
}

func FuzzNormal(f *testing.F) {
	for _, seed := range []string{
		"write tcp 127.0.0.1:18100->127.0.0.1:50414: write: broken pipe", "a/5/b 1m0.5s 2026-11-22", "[::1]:7777 C:\\x",
		"\xff\xfe 12345", "é5µs", "_5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "::::", "-.-", strings.Repeat("9", 5000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		got := normal(message)
		if len(got) > maxNormal {
			t.Errorf("%d bytes", len(got))
		}
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if r < utf8.RuneSelf && isDigit(byte(r)) || !unicode.IsPrint(r) {
				t.Errorf("%q has a %q", got, r)
			}
		}
		if again := normal(message); again != got {
			t.Errorf("%q, then %q", got, again)
		}
	})
}
