package store

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A packed column is for counts: whole numbers that are not negative, or missing. It
// is written as their greatest common divisor (the sizes of pieces have one), and then
// block by block the lowest number, how many bits the others need above it, and these
// bits. A number is 0 where the value is missing, else the value by the divisor plus 1.
const packedBlock = 64

func appendColumnPacked(b []byte, values []float64) ([]byte, bool) {
	divisor := uint64(0)
	for _, v := range values {
		if v != v {
			continue
		}
		if v < 0 || v != math.Trunc(v) || v > maxWhole || v == 0 && math.Signbit(v) {
			return nil, false
		}
		divisor = greatestCommonDivisor(divisor, uint64(v))
	}
	divisor = max(divisor, 1)
	b = binary.AppendUvarint(b, divisor)
	var numbers [packedBlock]uint64
	for len(values) > 0 {
		n := min(packedBlock, len(values))
		lowest, highest := uint64(math.MaxUint64), uint64(0)
		for i, v := range values[:n] {
			numbers[i] = 0
			if v == v {
				numbers[i] = uint64(v)/divisor + 1
			}
			lowest, highest = min(lowest, numbers[i]), max(highest, numbers[i])
		}
		values = values[n:]
		width := bits.Len64(highest - lowest)
		b = append(binary.AppendUvarint(b, lowest), byte(width))
		var waiting uint64 // bits that make no byte yet
		filled := 0
		for _, number := range numbers[:n] {
			// At most 54 bits come to at most 7.
			waiting |= (number - lowest) << filled
			for filled += width; filled >= 8; filled -= 8 {
				b = append(b, byte(waiting))
				waiting >>= 8
			}
		}
		if filled > 0 {
			b = append(b, byte(waiting))
		}
	}
	return b, true
}

func greatestCommonDivisor(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// packed calls f with the runs of a packed column of n rows.
func (d *decoder) packed(n int, f func(from, to int, value float64)) {
	divisor := d.uvarint()
	begin, value := 0, math.NaN()
	for i := 0; i < n; {
		rows := min(packedBlock, n-i)
		lowest := d.uvarint()
		head := d.bytes(1)
		if head == nil || head[0] > 54 || lowest > maxWhole+1 {
			d.fail()
			return
		}
		width := int(head[0])
		body := d.bytes((rows*width + 7) / 8)
		if d.err != nil {
			return
		}
		var waiting uint64
		filled := 0
		for row := range rows {
			for ; filled < width; filled += 8 {
				waiting |= uint64(body[0]) << filled
				body = body[1:]
			}
			number := lowest + waiting&(1<<width-1)
			waiting >>= width
			filled -= width
			next := math.NaN()
			if number > 0 {
				next = float64((number - 1) * divisor)
			}
			if !sameValue(next, value) {
				if i+row > begin {
					f(begin, i+row, value)
				}
				begin, value = i+row, next
			}
		}
		i += rows
	}
	if n > begin {
		f(begin, n, value)
	}
}
