package storagenode

import (
	"crypto/sha256"
	"encoding/base32"
	"math/big"
	"strings"
)

// A node's id is 32 bytes, of which the last is a version. The API and the log write it in
// base58 with a checksum, the storage folder has it in base32 as a folder's name.

const base58Letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

var folderEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// satelliteOfFolder is the id of the satellite that a folder under storage/blobs belongs
// to; "" where the path does not end in one.
func satelliteOfFolder(path string) string {
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		path = path[i+1:]
	}
	id, err := folderEncoding.DecodeString(path)
	if err != nil || len(id) != sha256.Size {
		return ""
	}
	// The version comes first, and is left out at the end.
	checked := append([]byte{id[31]}, id[:31]...)
	checked = append(checked, 0)
	once := sha256.Sum256(checked)
	twice := sha256.Sum256(once[:])
	checked = append(checked, twice[:4]...)

	var digits []byte // the lowest first
	rest, digit, base := new(big.Int).SetBytes(checked), new(big.Int), big.NewInt(58)
	for rest.Sign() > 0 {
		rest.DivMod(rest, base, digit)
		digits = append(digits, base58Letters[digit.Int64()])
	}
	for _, c := range checked {
		if c != 0 {
			break
		}
		digits = append(digits, base58Letters[0])
	}
	for i, j := 0, len(digits)-1; i < j; i, j = i+1, j-1 {
		digits[i], digits[j] = digits[j], digits[i]
	}
	return string(digits)
}
