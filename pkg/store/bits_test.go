package store

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestBitsComeBackInTheirOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 1))
	type item struct {
		write func(*bitWriter)
		read  func(*bitReader) uint64
		want  uint64
	}
	for range 200 {
		var items []item
		w := &bitWriter{}
		for range random.IntN(60) {
			number, width := random.Uint64()>>random.IntN(64), random.IntN(65)
			one := item{func(w *bitWriter) { w.put(number, width) }, func(r *bitReader) uint64 { return r.take(width) }, number}
			if width < 64 {
				one.want &= 1<<width - 1
			}
			switch random.IntN(3) {
			case 0:
				number = min(number, math.MaxUint64-1)
				one = item{func(w *bitWriter) { w.gamma(number) }, func(r *bitReader) uint64 { return r.gamma() }, number}
			case 1:
				parameter := random.IntN(64)
				for number>>parameter > 300 {
					number >>= 1
				}
				one = item{func(w *bitWriter) { w.rice(number, parameter) }, func(r *bitReader) uint64 { return r.rice(parameter) }, number}
			}
			one.write(w)
			items = append(items, one)
		}
		b := w.bytes()
		r := &bitReader{b: append(b, 0xaa, 0xbb)}
		for i, one := range items {
			if got := one.read(r); got != one.want || r.failed {
				t.Fatalf("item %d of %d is %d, want %d (failed: %v)", i, len(items), got, one.want, r.failed)
			}
		}
		if rest := r.rest(); len(rest) != 2 || rest[0] != 0xaa || rest[1] != 0xbb {
			t.Fatalf("behind the bits are % x", rest)
		}
	}
}

func TestBitsEnd(t *testing.T) {
	for name, read := range map[string]func(*bitReader) uint64{
		"bits":  func(r *bitReader) uint64 { return r.take(17) },
		"unary": (*bitReader).unary,
		"rice":  func(r *bitReader) uint64 { return r.rice(3) },
		"gamma": (*bitReader).gamma,
	} {
		r := &bitReader{b: make([]byte, 2)}
		if got := read(r); got != 0 || !r.failed {
			t.Errorf("%s: %d from bytes that end (failed: %v)", name, got, r.failed)
		}
		if got := read(r); got != 0 || !r.failed || r.left() != 0 {
			t.Errorf("%s: %d after that", name, got)
		}
	}
}
