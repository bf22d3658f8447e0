package store

import (
	"encoding/binary"
	"math/bits"
)

// bitWriter appends numbers of any width to bytes, the lowest bit first.
type bitWriter struct {
	b       []byte
	waiting uint64 // bits that make no byte yet
	filled  int    // how many: at most 7 between two calls
}

// bitsAtOnce is the widest number that fits beside the bits that wait, when written and when
// read.
const bitsAtOnce = 56

// put appends the lowest bits of a number; width is at most 64.
func (w *bitWriter) put(number uint64, width int) {
	if width > bitsAtOnce {
		w.put(number&(1<<32-1), 32)
		number, width = number>>32, width-32
	}
	w.waiting |= number & (1<<width - 1) << w.filled
	for w.filled += width; w.filled >= 8; w.filled -= 8 {
		w.b = append(w.b, byte(w.waiting))
		w.waiting >>= 8
	}
}

// unary appends so many zeroes and a one.
func (w *bitWriter) unary(n uint64) {
	for ; n >= 32; n -= 32 {
		w.put(0, 32)
	}
	w.put(1<<n, int(n)+1)
}

// rice appends a number in Rice's code: what is above the parameter's bits as unary, then
// these bits.
func (w *bitWriter) rice(number uint64, parameter int) {
	w.unary(number >> parameter)
	w.put(number, parameter)
}

// gamma appends a number in Elias' gamma code: one bit for 0, three for 1 and 2, and two more
// for each doubling.
func (w *bitWriter) gamma(number uint64) {
	width := bits.Len64(number+1) - 1
	w.unary(uint64(width))
	w.put(number+1, width)
}

// gammaBits is how many bits a number takes in Elias' gamma code.
func gammaBits(number uint64) int { return 2*bits.Len64(number+1) - 1 }

// bytes are the bytes written; the last one is filled up with zeroes.
func (w *bitWriter) bytes() []byte {
	if w.filled > 0 {
		w.put(0, 8-w.filled)
	}
	return w.b
}

// bitReader reads what a bitWriter wrote. Behind the end, and where what it reads was not
// written like that, every read answers 0, and failed says so.
type bitReader struct {
	b       []byte
	at      int // the next byte that is not in waiting
	waiting uint64
	ready   int // bits in waiting
	failed  bool
}

// left is how many bits are left.
func (r *bitReader) left() int { return r.ready + 8*(len(r.b)-r.at) }

// rest are the bytes behind the one that was begun last.
func (r *bitReader) rest() []byte { return r.b[r.at-r.ready/8:] }

func (r *bitReader) fail() {
	r.b, r.at, r.waiting, r.ready, r.failed = nil, 0, 0, 0, true
}

// fill makes at least bitsAtOnce bits ready, as far as there are as many.
func (r *bitReader) fill() {
	if r.at+8 <= len(r.b) {
		r.waiting |= binary.LittleEndian.Uint64(r.b[r.at:]) << r.ready
		taken := (63 - r.ready) / 8
		r.at += taken
		r.ready += 8 * taken
		// What the shift took in beyond whole bytes comes again with the next fill.
		r.waiting &= 1<<r.ready - 1
		return
	}
	for ; r.ready <= bitsAtOnce && r.at < len(r.b); r.at++ {
		r.waiting |= uint64(r.b[r.at]) << r.ready
		r.ready += 8
	}
}

// take reads so many bits; width is at most 64.
func (r *bitReader) take(width int) uint64 {
	if width > bitsAtOnce {
		low := r.take(32)
		return low | r.take(width-32)<<32
	}
	if r.ready < width {
		if r.fill(); r.ready < width {
			r.fail()
			return 0
		}
	}
	number := r.waiting & (1<<width - 1)
	r.waiting >>= width
	r.ready -= width
	return number
}

func (r *bitReader) unary() (n uint64) {
	for {
		if r.ready == 0 {
			if r.fill(); r.ready == 0 {
				r.fail()
				return 0
			}
		}
		if zeroes := bits.TrailingZeros64(r.waiting); zeroes < r.ready {
			r.waiting >>= zeroes + 1
			r.ready -= zeroes + 1
			return n + uint64(zeroes)
		}
		n += uint64(r.ready)
		r.waiting, r.ready = 0, 0
	}
}

func (r *bitReader) rice(parameter int) uint64 {
	// Nearly always all of it is ready at once.
	if r.ready < 32 {
		r.fill()
	}
	if zeroes := bits.TrailingZeros64(r.waiting); zeroes+1+parameter <= r.ready {
		rest := r.waiting >> (zeroes + 1)
		r.waiting = rest >> parameter
		r.ready -= zeroes + 1 + parameter
		return uint64(zeroes)<<parameter | rest&(1<<parameter-1)
	}
	above := r.unary()
	if bits.Len64(above)+parameter > 64 {
		r.fail()
		return 0
	}
	return above<<parameter | r.take(parameter)
}

func (r *bitReader) gamma() uint64 {
	width := int(min(r.unary(), 64))
	if width > 63 {
		r.fail()
		return 0
	}
	return 1<<width | r.take(width) - 1
}

// zigzag is a number with its sign in the lowest bit, so that those around 0 are small.
func zigzag(number int64) uint64 { return uint64(number)<<1 ^ uint64(number>>63) }

func unzigzag(number uint64) int64 { return int64(number>>1) ^ -int64(number&1) }
