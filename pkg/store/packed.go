package store

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A packed column is for counts: whole numbers that are not negative, or missing. It
// is written as their greatest common divisor (the sizes of pieces have one), and then
// block by block how many bits each number needs above the lowest, the lowest, and these
// bits. A number is 0 where the value is missing, else the value by the divisor plus 1.
// Where that is shorter, a block holds what each number is more than the one before, or
// a bit for each row and the numbers of those only that have a value, or differences in
// Rice's code, see rice.go.
const (
	packedBlock       = 64
	packedBits        = 55 // at most, for differences of whole numbers
	packedDifferences = 64 // flags beside the bits
	packedSparse      = 128
	packedRice        = packedDifferences | packedSparse
	lowestBits        = 16 // that the lowest takes, about
)

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
	var numbers, differences, present [packedBlock]int64
	previous := int64(0)
	var coder rice
	for len(values) > 0 {
		n := min(packedBlock, len(values))
		filled, which := 0, [packedBlock / 8]byte{}
		for i, v := range values[:n] {
			numbers[i] = 0
			if v == v {
				numbers[i] = int64(uint64(v)/divisor) + 1
				present[filled] = numbers[i]
				filled++
				which[i/8] |= 1 << (i % 8)
			}
			differences[i] = numbers[i] - previous
			previous = numbers[i]
		}
		values = values[n:]
		lowest, width := spread(numbers[:n])
		from, narrower := spread(differences[:n])
		above, sparse := spread(present[:filled])
		cost := n*min(width, narrower) + lowestBits
		parameter, riceCost := coder.measure(numbers[:n])
		switch isSparse := filled > 0 && n+filled*sparse+lowestBits < cost; {
		case riceCost < cost && (!isSparse || riceCost < n+filled*sparse+lowestBits):
			b = coder.append(append(b, byte(packedRice|parameter)), parameter)
		case isSparse:
			b = append(append(b, byte(packedSparse|sparse)), which[:(n+7)/8]...)
			b = appendBits(b, present[:filled], above, sparse)
		case narrower < width:
			b = append(b, byte(packedDifferences|narrower))
			b = appendBits(b, differences[:n], from, narrower)
		default:
			b = append(b, byte(width))
			b = appendBits(b, numbers[:n], lowest, width)
		}
	}
	return b, true
}

// spread is the lowest number and how many bits the others are above it at most.
func spread(numbers []int64) (lowest int64, width int) {
	if len(numbers) == 0 {
		return 0, 0
	}
	lowest, highest := numbers[0], numbers[0]
	for _, number := range numbers {
		lowest, highest = min(lowest, number), max(highest, number)
	}
	return lowest, bits.Len64(uint64(highest - lowest))
}

func appendBits(b []byte, numbers []int64, lowest int64, width int) []byte {
	b = binary.AppendVarint(b, lowest)
	w := bitWriter{b: b}
	for _, number := range numbers {
		w.put(uint64(number-lowest), width)
	}
	return w.bytes()
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
	previous := int64(0)
	var numbers [packedBlock]int64
	for i := 0; i < n; {
		rows := min(packedBlock, n-i)
		previous = d.block(numbers[:rows], previous)
		if d.err != nil {
			return
		}
		for row, number := range numbers[:rows] {
			next := math.NaN()
			if number > 0 {
				next = float64(uint64(number-1) * divisor)
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

// block reads the numbers of a block, none of which is negative, and answers the last one.
func (d *decoder) block(numbers []int64, previous int64) int64 {
	rows := len(numbers)
	head := d.bytes(1)
	if head == nil {
		return 0
	}
	width := int(head[0] & (packedDifferences - 1))
	if width > packedBits {
		d.fail()
		return 0
	}
	if head[0]&packedRice == packedRice {
		return d.rice(numbers, previous, width)
	}
	differences := head[0]&packedDifferences != 0
	which, filled := ^uint64(0), rows
	if head[0]&packedSparse != 0 {
		which = 0
		for j, eight := range d.bytes((rows + 7) / 8) {
			which |= uint64(eight) << (8 * j)
		}
		filled = bits.OnesCount64(which)
	}
	lowest := d.varint()
	if filled > rows {
		d.fail()
	}
	body := d.bytes((filled*width + 7) / 8)
	if d.err != nil {
		return 0
	}
	r := bitReader{b: body}
	for row := range rows {
		number := int64(0)
		if which>>row&1 != 0 {
			number = lowest + int64(r.take(width))
		}
		if differences {
			number += previous
		}
		if number < 0 {
			d.fail()
			return 0
		}
		numbers[row], previous = number, number
	}
	return previous
}
