package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"unsafe"
)

// errDamaged is what every decoder answers for a value that is not what was written.
var errDamaged = errors.New("damaged value")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendChecksum appends the CRC32C of the value to it.
func appendChecksum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// verified is the value without its checksum, or an error if the two disagree.
func verified(value string) ([]byte, error) {
	if len(value) < 4 {
		return nil, fmt.Errorf("%w: %d bytes", errDamaged, len(value))
	}
	b := bytesOf(value)
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, fmt.Errorf("%w: its checksum disagrees", errDamaged)
	}
	return body, nil
}

// bytesOf are a value's bytes. BuntDB's strings do not change, and nothing writes to what is
// read here: no copy is needed, which is most of what a long read would do.
func bytesOf(value string) []byte { return unsafe.Slice(unsafe.StringData(value), len(value)) }

// decoder reads the primitives that the encoders below write. After the first
// error every read answers zero, so that callers check err once.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errDamaged
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads the length of something that takes at least one byte an element.
func (d *decoder) count() int {
	v := d.uvarint()
	if v > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) string() string { return string(d.bytes(d.count())) }

func (d *decoder) checksum() uint32 {
	b := d.bytes(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (d *decoder) float() float64 {
	b := d.bytes(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// Times are written as runs of equal steps: a poll's grid costs a few bytes a day.
func appendTimes(b []byte, times []int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(times)))
	if len(times) == 0 {
		return b
	}
	b = binary.AppendVarint(b, times[0])
	for i := 1; i < len(times); {
		step := times[i] - times[i-1]
		run := 1
		for i+run < len(times) && times[i+run]-times[i+run-1] == step {
			run++
		}
		b = binary.AppendUvarint(b, uint64(run))
		b = binary.AppendVarint(b, step)
		i += run
	}
	return b
}

// maxRows bounds what a damaged length can make the decoder allocate. What is written has
// less, see chunkRows.
const maxRows = 1 << 20

func (d *decoder) grid() grid {
	n := d.uvarint()
	if n > maxRows {
		d.fail()
		return grid{}
	}
	if n == 0 {
		return grid{}
	}
	first := d.varint()
	g := grid{n: 1}
	t := first
	for uint64(g.n) < n {
		run, step := d.uvarint(), d.varint()
		if d.err != nil || run == 0 || run > n-uint64(g.n) || step < 0 {
			d.fail()
			return grid{}
		}
		if len(g.runs) == 0 { // the first row belongs to it
			g.runs = append(g.runs, timeRun{row: 0, n: int(run) + 1, first: first, step: step})
		} else {
			g.runs = append(g.runs, timeRun{row: g.n, n: int(run), first: t + step, step: step})
		}
		g.n += int(run)
		if before := t; g.runs[len(g.runs)-1].last() < before {
			d.fail()
			return grid{}
		}
		t = g.runs[len(g.runs)-1].last()
	}
	if len(g.runs) == 0 {
		g.runs = []timeRun{{n: 1, first: first}}
	}
	return g
}

// A column is written as runs of equal values, because most series of a node
// change far less often than they are asked, or packed, because counts change all
// the time. Of the ways to write it the shortest is kept.
const (
	columnXOR     = 1 // runs: the bits that differ from the run before
	columnInteger = 2 // runs: the difference from the run before, for whole numbers
	columnPacked  = 3 // numbers in as many bits as they need, see packed.go
)

var missing = math.NaN()

// sameValue compares bits, so that a missing value equals a missing value.
func sameValue(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || (a != a && b != b)
}

func appendColumn(b []byte, values []float64) []byte {
	shortest := appendColumnXOR([]byte{columnXOR}, values)
	if whole, ok := appendColumnInteger([]byte{columnInteger}, values); ok && len(whole) < len(shortest) {
		shortest = whole
	}
	if packed, ok := appendColumnPacked([]byte{columnPacked}, values); ok && len(packed) < len(shortest) {
		shortest = packed
	}
	return append(b, shortest...)
}

func runLength(values []float64) int {
	run := 1
	for run < len(values) && sameValue(values[run], values[0]) {
		run++
	}
	return run
}

func appendColumnXOR(b []byte, values []float64) []byte {
	var previous uint64
	for i := 0; i < len(values); {
		run := runLength(values[i:])
		value := math.Float64bits(values[i])
		if values[i] != values[i] {
			value = math.Float64bits(missing)
		}
		b = binary.AppendUvarint(b, uint64(run))
		difference := value ^ previous
		trailing := bits.TrailingZeros64(difference) / 8
		if difference == 0 {
			trailing = 0
		}
		difference >>= 8 * trailing
		length := (bits.Len64(difference) + 7) / 8
		b = append(b, byte(trailing<<4|length))
		for j := 0; j < length; j++ {
			b = append(b, byte(difference>>(8*j)))
		}
		previous = value
		i += run
	}
	return b
}

const maxWhole = 1 << 53

func appendColumnInteger(b []byte, values []float64) ([]byte, bool) {
	var previous int64
	for i := 0; i < len(values); {
		v := values[i]
		if v != math.Trunc(v) || math.Abs(v) > maxWhole || (v == 0 && math.Signbit(v)) {
			return nil, false
		}
		run := runLength(values[i:])
		b = binary.AppendUvarint(b, uint64(run))
		b = binary.AppendVarint(b, int64(v)-previous)
		previous = int64(v)
		i += run
	}
	return b, true
}

// runs calls f with each run of equal values of a column of n rows.
func (d *decoder) runs(n int, f func(from, to int, value float64)) {
	kind := d.bytes(1)
	if kind == nil {
		return
	}
	if kind[0] == columnPacked {
		d.packed(n, f)
		return
	}
	var previous uint64
	var whole int64
	for i := 0; i < n; {
		run := d.uvarint()
		if d.err != nil || run == 0 || run > uint64(n-i) {
			d.fail()
			return
		}
		var value float64
		switch kind[0] {
		case columnXOR:
			control := d.bytes(1)
			if control == nil {
				return
			}
			trailing, length := int(control[0]>>4), int(control[0]&15)
			if trailing+length > 8 {
				d.fail()
				return
			}
			var difference uint64
			for j, c := range d.bytes(length) {
				difference |= uint64(c) << (8 * (j + trailing))
			}
			previous ^= difference
			value = math.Float64frombits(previous)
		case columnInteger:
			whole += d.varint()
			value = float64(whole)
		default:
			d.fail()
			return
		}
		if d.err != nil {
			return
		}
		f(i, i+int(run), value)
		i += int(run)
	}
}
