package simnode

import (
	"crypto/sha256"
	"errors"
	"math/big"
	"strconv"
)

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

var base58Index = func() (index [256]int8) {
	for i := range index {
		index[i] = -1
	}
	for i := range len(base58Alphabet) {
		index[base58Alphabet[i]] = int8(i)
	}
	return index
}()

// nodeIDFrom makes a node id as a real one looks: 32 bytes in base58check, the
// last bytes zero, as proof of work leaves them.
func nodeIDFrom(seed uint64) string {
	var id [32]byte
	for i := range 28 {
		if i%8 == 0 {
			seed = scramble(seed)
		}
		id[i] = byte(seed >> (8 * (i % 8)))
	}
	return base58Check(id[:])
}

func base58Check(payload []byte) string {
	data := append([]byte{0}, payload...) // version byte of a node id
	sum := checksum(data)
	data = append(data, sum[:]...)
	number := new(big.Int).SetBytes(data)
	base, digit := big.NewInt(58), new(big.Int)
	var reversed []byte
	for number.Sign() > 0 {
		number.DivMod(number, base, digit)
		reversed = append(reversed, base58Alphabet[digit.Int64()])
	}
	for _, b := range data {
		if b != 0 {
			break
		}
		reversed = append(reversed, base58Alphabet[0])
	}
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return string(reversed)
}

func checksum(data []byte) (sum [4]byte) {
	first := sha256.Sum256(data)
	second := sha256.Sum256(first[:])
	copy(sum[:], second[:4])
	return sum
}

// The node's own words for an id that is none.
var (
	errIDFormat   = errors.New("node ID: invalid format: version and/or checksum bytes missing")
	errIDChecksum = errors.New("node ID: checksum error")
)

// checkNodeID says in the node's words what is wrong with an id.
func checkNodeID(id string) error {
	number := new(big.Int)
	for i := range len(id) {
		digit := base58Index[id[i]]
		if digit < 0 {
			return errIDFormat
		}
		number.Mul(number, big.NewInt(58)).Add(number, big.NewInt(int64(digit)))
	}
	const length = 1 + 32 + 4
	if number.BitLen() > 8*length || len(id) < 40 {
		return errIDFormat
	}
	data := number.FillBytes(make([]byte, length))
	sum := checksum(data[:33])
	if string(data[33:]) != string(sum[:]) {
		return errIDChecksum
	}
	return nil
}

const base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// pieceIDLength is that of 32 bytes in unpadded base32.
const pieceIDLength = 52

// appendPieceID appends the id of the piece with this key.
func appendPieceID(buf []byte, key uint64) []byte {
	var words [4]uint64
	for i := range words {
		key = scramble(key)
		words[i] = key
	}
	// 256 bits, five at a time from the top
	bits, have, next := uint64(0), 0, 0
	for range pieceIDLength - 1 {
		if have < 5 {
			if next < len(words) {
				word := words[next]
				next++
				// take the missing bits from the new word, keep its rest
				missing := 5 - have
				buf = append(buf, base32Alphabet[(bits<<missing|word>>(64-missing))&31])
				bits, have = word&(1<<(64-missing)-1), 64-missing
				continue
			}
		}
		have -= 5
		buf = append(buf, base32Alphabet[(bits>>have)&31])
	}
	return append(buf, base32Alphabet[(bits<<(5-have))&31])
}

func pieceID(key uint64) string {
	return string(appendPieceID(make([]byte, 0, pieceIDLength), key))
}

// gateways are the addresses from which most of the traffic comes.
var gateways = []string{
	"79.127.205.225", "79.127.226.100", "79.127.219.33", "79.127.223.129", "109.61.92.67",
	"109.61.92.71", "121.127.47.25", "199.102.71.57", "206.81.26.130", "5.161.143.41",
}

// appendPeer appends a peer's address and port. One in a hundred comes by IPv6.
func appendPeer(buf []byte, peer uint64) []byte {
	h := scramble(peer)
	port := uint16(1024 + (h>>48)%64000)
	switch kind := h % 100; {
	case kind == 0:
		buf = append(buf, "[2a01:4f8:"...)
		buf = strconv.AppendUint(buf, h>>8&0xfff, 16)
		buf = append(buf, ':')
		buf = strconv.AppendUint(buf, h>>20&0xffff, 16)
		buf = append(buf, "::2]"...)
	case kind < 70:
		buf = append(buf, gateways[h>>8%uint64(len(gateways))]...)
	default:
		buf = strconv.AppendUint(buf, 11+h>>8&0x7f, 10)
		for _, shift := range []int{16, 24, 32} {
			buf = append(buf, '.')
			buf = strconv.AppendUint(buf, h>>shift&0xff, 10)
		}
	}
	buf = append(buf, ':')
	return strconv.AppendUint(buf, uint64(port), 10)
}

// uuidFrom makes a version 4 UUID.
func uuidFrom(seed uint64) string {
	const digits = "0123456789abcdef"
	high, low := scramble(seed), scramble(seed^0xabcdef)
	high = high&^(0xf<<12) | 4<<12
	low = low&^(3<<62) | 2<<62
	buf := make([]byte, 0, 36)
	for i, word := range []uint64{high, low} {
		for shift := 60; shift >= 0; shift -= 4 {
			if at := i*64 + 60 - shift; at == 32 || at == 48 || at == 64 || at == 80 {
				buf = append(buf, '-')
			}
			buf = append(buf, digits[word>>shift&15])
		}
	}
	return string(buf)
}
