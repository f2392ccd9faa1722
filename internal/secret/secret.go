// Package secret is the program's cryptography at rest: pseudonymous keys (HMAC-SM3), sealed columns (SM4-GCM) and the
// encrypted archive (Zstandard inside age).
//
// It owns the keyring file and everything that is computed with it. It never logs, never prints a key, and knows nothing of
// what the values mean: callers bring them in their normal form (see packages residentid and intake).
//
// Who loses the keyring loses the names in the warehouse and the archive; who has keyring and data folder has everything.
// So the file lies beside, not in, the data folder, and Load refuses one that others may read.
package secret

import (
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"

	"filippo.io/age"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"

	"shouwang/internal/errs"
)

// Key128 is a pseudonymous key: the first 128 bits of an HMAC, Hi first. It is stored as UHUGEINT.
type Key128 struct{ Hi, Lo uint64 }

// IsZero reports whether k is no key at all.
func (k Key128) IsZero() bool { return k == Key128{} }

// Bytes gives the 16 bytes, most significant first.
func (k Key128) Bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], k.Hi)
	binary.BigEndian.PutUint64(b[8:], k.Lo)
	return b
}

// String is the key in 32 hexadecimal digits. It names nobody without the keyring.
func (k Key128) String() string {
	b := k.Bytes()
	return hex.EncodeToString(b[:])
}

// Keyring holds the keys in a form that is ready to use. All methods are safe for concurrent use.
type Keyring struct {
	id                         string
	person, name, hash, nonces macKey
	aead                       cipher.AEAD
	identity                   *age.X25519Identity
	scratch                    sync.Pool // *scratch
}

// macKey is a key of HMAC-SM3 as the two states of SM3 after the inner and the outer padded key: it saves two of the four
// blocks of a short HMAC.
type macKey struct{ inner, outer []byte }

// scratch is what one computation needs; pooled, so that none allocates.
type scratch struct {
	hash hash.Hash
	load interface{ UnmarshalBinary([]byte) error }
	in   []byte // a copy of the input: what goes through an interface would be moved to the heap at the caller's
	sum  [sm3.Size]byte
}

// newMacKey prepares a key of at most 64 bytes.
func newMacKey(key []byte) (macKey, error) {
	state := func(pad byte) ([]byte, error) {
		var block [sm3.BlockSize]byte
		copy(block[:], key)
		for i := range block {
			block[i] ^= pad
		}
		h := sm3.New()
		h.Write(block[:])
		m, ok := h.(interface{ MarshalBinary() ([]byte, error) })
		if !ok {
			return nil, errs.New(errs.Internal, "SM3 实现不支持保存状态", "this SM3 cannot save its state")
		}
		return m.MarshalBinary()
	}
	inner, err := state(0x36)
	if err != nil {
		return macKey{}, err
	}
	outer, err := state(0x5c)
	if err != nil {
		return macKey{}, err
	}
	return macKey{inner, outer}, nil
}

// keys are the raw keys of a keyring file.
type keys struct {
	person, name, hash, nonces [32]byte
	seal                       [16]byte
	archive                    *age.X25519Identity
}

// newKeyring makes raw keys ready to use.
func newKeyring(id string, raw *keys) (*Keyring, error) {
	k := &Keyring{id: id, identity: raw.archive}
	for _, m := range []struct {
		to  *macKey
		raw []byte
	}{{&k.person, raw.person[:]}, {&k.name, raw.name[:]}, {&k.hash, raw.hash[:]}, {&k.nonces, raw.nonces[:]}} {
		var err error
		if *m.to, err = newMacKey(m.raw); err != nil {
			return nil, err
		}
	}
	block, err := sm4.NewCipher(raw.seal[:])
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "SM4 密钥无法使用", "the SM4 key cannot be used")
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return nil, errs.Wrap(errs.Internal, err, "SM4-GCM 无法使用", "SM4-GCM cannot be used")
	}
	if _, ok := sm3.New().(interface{ UnmarshalBinary([]byte) error }); !ok {
		return nil, errs.New(errs.Internal, "SM3 实现不支持恢复状态", "this SM3 cannot restore its state")
	}
	k.scratch.New = func() any {
		h := sm3.New()
		return &scratch{hash: h, load: h.(interface{ UnmarshalBinary([]byte) error }), in: make([]byte, 0, 256)}
	}
	return k, nil
}

// ID names the keyring (16 hexadecimal digits); it says nothing about the keys. Data folders keep it, to tell at once that
// they were opened with another keyring.
func (k *Keyring) ID() string { return k.id }

// Format prints the id whatever the verb, so that no log line ever holds a key.
func (k *Keyring) Format(f fmt.State, _ rune) { fmt.Fprint(f, "keyring "+k.id) }

// mac computes HMAC-SM3 over s.in into s.sum.
func (s *scratch) mac(k *macKey) {
	// The states were made by the same SM3: restoring them cannot fail.
	if err := s.load.UnmarshalBinary(k.inner); err != nil {
		panic("secret: " + err.Error())
	}
	s.hash.Write(s.in)
	s.hash.Sum(s.sum[:0])
	if err := s.load.UnmarshalBinary(k.outer); err != nil {
		panic("secret: " + err.Error())
	}
	s.hash.Write(s.sum[:])
	s.hash.Sum(s.sum[:0])
}

// get takes a scratch with a copy of b in it.
func (k *Keyring) get(b []byte) *scratch {
	s := k.scratch.Get().(*scratch)
	s.in = append(s.in[:0], b...)
	return s
}

// put gives it back without the plain text in it.
func (k *Keyring) put(s *scratch) {
	clear(s.in)
	k.scratch.Put(s)
}

// PersonKey is the pseudonym of a person: HMAC-SM3 of the normal form of the number (18 characters), or of the
// replacement text where there is no number, cut to 128 bits.
func (k *Keyring) PersonKey(number []byte) Key128 {
	s := k.get(number)
	s.mac(&k.person)
	key := Key128{Hi: binary.BigEndian.Uint64(s.sum[:]), Lo: binary.BigEndian.Uint64(s.sum[8:])}
	k.put(s)
	return key
}

// NameKey is the pseudonym of a name: HMAC-SM3 cut to 64 bits.
func (k *Keyring) NameKey(name []byte) uint64 { return k.hash64(&k.name, name) }

// Hash64 is a keyed hash for natural keys, which may hold identity: HMAC-SM3 cut to 64 bits.
func (k *Keyring) Hash64(b []byte) uint64 { return k.hash64(&k.hash, b) }

func (k *Keyring) hash64(key *macKey, b []byte) uint64 {
	s := k.get(b)
	s.mac(key)
	h := binary.BigEndian.Uint64(s.sum[:])
	k.put(s)
	return h
}

// The form of a sealed value: one byte of version, 12 of nonce, the ciphertext (as long as the plain text), 16 of tag.
const (
	sealVersion = 1
	nonceSize   = 12
	tagSize     = 16

	// Overhead is by how many bytes a sealed value is longer than the plain text.
	Overhead = 1 + nonceSize + tagSize
)

// ErrSealed says that a sealed value was changed, belongs to another column or row, or was made with another keyring.
var ErrSealed error = errs.New(errs.Refused,
	"密文无法解开：数据被改动，或者不是用这个密钥文件加密的", "a sealed value cannot be opened: it was changed, or sealed with another keyring")

// Seal encrypts plaintext for one column and row with SM4-GCM and appends it to dst.
//
// The nonce is the first 12 bytes of HMAC-SM3(column | row | plaintext) under a key of its own, so that a rebuild gives the same bytes,
// and two values get the same nonce only when they are equal in everything (or by accident: with 2^32 values under one key
// the chance of any collision is about 2^-33). The price is that an equal value in the same cell shows as equal, which a
// rebuild must. Column and row are authenticated: a value moved to another cell does not open.
func (k *Keyring) Seal(dst []byte, column string, row Key128, plaintext []byte) []byte {
	s := k.scratch.Get().(*scratch)
	s.in = appendPlace(s.in[:0], column, row)
	place := len(s.in)
	s.in = append(s.in, plaintext...)
	s.mac(&k.nonces)

	dst = append(dst, sealVersion)
	dst = append(dst, s.sum[:nonceSize]...)
	dst = k.aead.Seal(dst, s.sum[:nonceSize], s.in[place:], s.in[:place])
	k.put(s)
	return dst
}

// Open gives the plain text of a sealed value, or [ErrSealed].
func (k *Keyring) Open(column string, row Key128, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	var place [64]byte
	nonce, text := sealed[1:1+nonceSize], sealed[1+nonceSize:]
	plain, err := k.aead.Open(nil, nonce, text, appendPlace(place[:0], column, row))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// appendPlace writes the cell: the length of the column's name first, so that no two cells read alike.
func appendPlace(b []byte, column string, row Key128) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(column)))
	b = append(b, column...)
	b = binary.BigEndian.AppendUint64(b, row.Hi)
	return binary.BigEndian.AppendUint64(b, row.Lo)
}
