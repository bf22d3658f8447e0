package store

import "math/bits"

// Rice's code writes a small number in few bits and a large one in many: counts that move by
// chance take less than by the range of a block. A number stands for what it differs from the
// one before, with the sign in its lowest bit: as many zeroes as its part above the parameter
// says, a one, and the parameter's bits of it.
type rice struct {
	previous    int64 // of the blocks before
	differences [packedBlock]uint64
	n           int
}

// riceBits is the longest code of one difference.
const riceBits = 256

// measure takes the numbers of the next block, and answers the parameter with which they take
// the fewest bits, and how many these are.
func (r *rice) measure(numbers []int64) (parameter, cost int) {
	r.n = len(numbers)
	total := uint64(0)
	for i, number := range numbers {
		difference := number - r.previous
		r.previous = number
		r.differences[i] = uint64(difference)<<1 ^ uint64(difference>>63)
		total += r.differences[i]
	}
	middle := bits.Len64(total / uint64(len(numbers)))
	parameter, cost = 0, 1<<30
	for k := max(0, middle-2); k <= min(packedBits, middle+1); k++ {
		bits := 0
		for _, difference := range r.differences[:r.n] {
			above := difference >> k
			if above >= riceBits {
				bits = 1 << 30
				break
			}
			bits += int(above) + 1 + k
		}
		if bits < cost {
			parameter, cost = k, bits
		}
	}
	return parameter, cost
}

// append writes the block that was measured.
func (r *rice) append(b []byte, parameter int) []byte {
	var waiting uint64 // bits that make no byte yet
	filled := 0
	put := func(value uint64, width int) {
		waiting |= value << filled
		for filled += width; filled >= 8; filled -= 8 {
			b = append(b, byte(waiting))
			waiting >>= 8
		}
	}
	for _, difference := range r.differences[:r.n] {
		above := int(difference >> parameter)
		for ; above >= 32; above -= 32 {
			put(0, 32)
		}
		put(1<<above, above+1)
		put(difference&(1<<parameter-1), parameter)
	}
	if filled > 0 {
		b = append(b, byte(waiting))
	}
	return b
}

// rice reads a block of numbers, none of which is negative, and answers the last one.
func (d *decoder) rice(numbers []int64, previous int64, parameter int) int64 {
	var waiting uint64
	ready, at := 0, 0
	fill := func() bool {
		for ready <= 56 && at < len(d.b) {
			waiting |= uint64(d.b[at]) << ready
			ready += 8
			at++
		}
		return ready > 0
	}
	for row := range numbers {
		above := 0
		for {
			if !fill() || above > riceBits {
				d.fail()
				return 0
			}
			if zeroes := bits.TrailingZeros64(waiting); zeroes < ready {
				above += zeroes
				waiting >>= zeroes + 1
				ready -= zeroes + 1
				break
			}
			above += ready
			waiting, ready = 0, 0
		}
		if fill(); ready < parameter {
			d.fail()
			return 0
		}
		difference := uint64(above)<<parameter | waiting&(1<<parameter-1)
		waiting >>= parameter
		ready -= parameter
		number := previous + (int64(difference>>1) ^ -int64(difference&1))
		if number < 0 || number > 2*maxWhole {
			d.fail()
			return 0
		}
		numbers[row], previous = number, number
	}
	d.b = d.b[at-ready/8:]
	return previous
}
