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
		r.differences[i] = zigzag(difference)
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
	w := bitWriter{b: b}
	for _, difference := range r.differences[:r.n] {
		w.rice(difference, parameter)
	}
	return w.bytes()
}

// rice reads a block of numbers, none of which is negative, and answers the last one.
func (d *decoder) rice(numbers []int64, previous int64, parameter int) int64 {
	r := bitReader{b: d.b}
	for row := range numbers {
		number := previous + unzigzag(r.rice(parameter))
		if r.failed || number < 0 || number > 2*maxWhole {
			d.fail()
			return 0
		}
		numbers[row], previous = number, number
	}
	d.b = r.rest()
	return previous
}
