package housecode

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/veraison/go-cose"

	"shouwang/internal/errs"
)

// KeyID names a key: the first four bytes of SHA-256 over its public key, so that lists of several counties can be joined.
type KeyID [4]byte

// String is hexadecimal.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// Suite is how codes are signed.
type Suite string

// The suites.
const (
	Ed25519 Suite = "ed25519" // RFC 8032; COSE algorithm -8
	SM2     Suite = "sm2"     // GB/T 32918 with SM3 and the standard's user id; COSE knows no number for it yet
)

// algSM2 is SM2's number among COSE's private ones.
const algSM2 cose.Algorithm = -65538

// SigningKey signs codes. It is made by [NewKey] or taken from the ledger, never printed.
type SigningKey struct {
	ID     KeyID
	Suite  Suite
	codec  codec
	signer cose.Signer
	seed   []byte // 32 bytes: the seed of Ed25519, the number of SM2
	public []byte // 32 bytes; SM2: 65, uncompressed
}

// Format shows the id only.
func (k *SigningKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "code key "+k.ID.String()) }

// NewKey makes a key.
func NewKey(suite Suite) (*SigningKey, error) {
	switch suite {
	case Ed25519:
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed) // never fails: it ends the program instead
		return signingKey(suite, seed)
	case SM2:
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return nil, errs.Wrap(errs.Internal, err, "无法生成密钥", "cannot make a key")
		}
		return signingKey(suite, key.D.FillBytes(make([]byte, 32)))
	}
	return nil, errs.Newf(errs.Invalid, "没有签名套件 %[1]q，可用：ed25519、sm2", "there is no suite %[1]q; there are ed25519 and sm2", string(suite))
}

// signingKey makes a key of its secret part.
func signingKey(suite Suite, seed []byte) (k *SigningKey, err error) {
	k = &SigningKey{Suite: suite, seed: seed}
	if k.codec, err = newCodec(); err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法使用密钥", "cannot use the key")
	}
	switch suite {
	case Ed25519:
		private := ed25519.NewKeyFromSeed(seed)
		k.public = private.Public().(ed25519.PublicKey)
		k.signer, err = cose.NewSigner(cose.AlgorithmEdDSA, private)
	case SM2:
		var private *sm2.PrivateKey
		if private, err = sm2.NewPrivateKey(seed); err == nil {
			k.signer = sm2Signer{private}
			k.public, err = sm2Public(&private.PublicKey)
		}
	default:
		err = fmt.Errorf("suite %q", suite)
	}
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法使用密钥", "cannot use the key")
	}
	k.ID = keyID(k.public)
	return k, nil
}

func keyID(public []byte) (id KeyID) {
	sum := sha256.Sum256(public)
	copy(id[:], sum[:])
	return id
}

// sm2Public is the uncompressed point.
func sm2Public(key *ecdsa.PublicKey) ([]byte, error) {
	point, err := sm2.PublicKeyToECDH(key)
	if err != nil {
		return nil, err
	}
	return point.Bytes(), nil
}

// Public is the key's public half.
func (k *SigningKey) Public() PublicKey {
	return PublicKey{ID: k.ID, Suite: k.Suite, Key: k.public}
}

// sm2Signer and sm2Verifier are the SM2 suite for COSE: the signature is r and s, 32 bytes each, as COSE writes those of other curves.
type sm2Signer struct{ key *sm2.PrivateKey }

func (s sm2Signer) Algorithm() cose.Algorithm { return algSM2 }

func (s sm2Signer) Sign(random io.Reader, content []byte) ([]byte, error) {
	der, err := s.key.SignWithSM2(random, nil, content) // nil: the standard's user id
	if err != nil {
		return nil, err
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, err
	}
	return append(sig.R.FillBytes(make([]byte, 32)), sig.S.FillBytes(make([]byte, 32))...), nil
}

type sm2Verifier struct{ key *ecdsa.PublicKey }

func (s sm2Verifier) Algorithm() cose.Algorithm { return algSM2 }

func (s sm2Verifier) Verify(content, signature []byte) error {
	if len(signature) != 64 {
		return cose.ErrVerification
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])})
	if err != nil || !sm2.VerifyASN1WithSM2(s.key, nil, content, der) {
		return cose.ErrVerification
	}
	return nil
}

// PublicKey checks codes.
type PublicKey struct {
	ID        KeyID
	Suite     Suite
	Key       []byte
	Withdrawn bool // its secret half got out: no code of it is valid any more
	verifier  cose.Verifier
}

// KeyList is all that a check without network needs: public keys, and the codes that ended before their day. It holds nothing
// secret and nothing personal, and may be given to anybody.
type KeyList struct {
	AsOf  time.Time
	Ended map[ID]Verdict // Revoked or Replaced
	keys  map[KeyID]*PublicKey
	codec codec
}

// NewKeyList makes a list.
func NewKeyList(asOf time.Time, keys []PublicKey, ended map[ID]Verdict) (*KeyList, error) {
	l := &KeyList{AsOf: asOf, Ended: ended, keys: map[KeyID]*PublicKey{}}
	var err error
	if l.codec, err = newCodec(); err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法使用公钥名单", "cannot use the list of keys")
	}
	for _, k := range keys {
		switch {
		case k.Suite == Ed25519 && len(k.Key) == ed25519.PublicKeySize:
			k.verifier, err = cose.NewVerifier(cose.AlgorithmEdDSA, ed25519.PublicKey(k.Key))
		case k.Suite == SM2:
			var key *ecdsa.PublicKey
			key, err = sm2.NewPublicKey(k.Key)
			k.verifier = sm2Verifier{key}
		default:
			err = fmt.Errorf("suite %q with %d bytes", k.Suite, len(k.Key))
		}
		if err != nil || keyID(k.Key) != k.ID {
			return nil, errs.Wrap(errs.Invalid, err, "公钥 "+k.ID.String()+" 已损坏", "the public key "+k.ID.String()+" is damaged")
		}
		l.keys[k.ID] = &k
	}
	return l, nil
}

// keyListFile is a list as a file: JSON.
type keyListFile struct {
	Format int        `json:"format"`
	AsOf   time.Time  `json:"as_of"`
	Keys   []keyEntry `json:"keys"`
	Ended  []ended    `json:"ended"`
}

type keyEntry struct {
	ID        string `json:"id"`
	Suite     Suite  `json:"suite"`
	Public    string `json:"public"` // base64
	Withdrawn bool   `json:"withdrawn"`
}

type ended struct {
	ID  string  `json:"id"`
	Why Verdict `json:"why"`
}

const keyListFormat = 1

// MarshalJSON writes the list as a file, in a fixed order.
func (l *KeyList) MarshalJSON() ([]byte, error) {
	file := keyListFile{Format: keyListFormat, AsOf: l.AsOf, Keys: []keyEntry{}, Ended: []ended{}}
	for _, k := range l.keys {
		file.Keys = append(file.Keys, keyEntry{k.ID.String(), k.Suite, base64.StdEncoding.EncodeToString(k.Key), k.Withdrawn})
	}
	for id, why := range l.Ended {
		file.Ended = append(file.Ended, ended{id.String(), why})
	}
	slices.SortFunc(file.Keys, func(a, b keyEntry) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	slices.SortFunc(file.Ended, func(a, b ended) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	return json.Marshal(file)
}

// ReadKeyList reads a list that MarshalJSON wrote.
func ReadKeyList(text []byte) (*KeyList, error) {
	damaged := func(err error) error {
		return errs.Wrap(errs.Invalid, err, "公钥名单文件已损坏或格式不对", "the list of keys is damaged or of another form")
	}
	var file keyListFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil || file.Format != keyListFormat {
		return nil, damaged(err)
	}
	var keys []PublicKey
	for _, e := range file.Keys {
		public, err := base64.StdEncoding.DecodeString(e.Public)
		if err != nil {
			return nil, damaged(err)
		}
		if keyID(public).String() != e.ID {
			return nil, damaged(fmt.Errorf("key %s", e.ID))
		}
		keys = append(keys, PublicKey{ID: keyID(public), Suite: e.Suite, Key: public, Withdrawn: e.Withdrawn})
	}
	over := map[ID]Verdict{}
	for _, e := range file.Ended {
		id, err := ParseID(e.ID)
		if err != nil || e.Why != Revoked && e.Why != Replaced {
			return nil, damaged(err)
		}
		over[id] = e.Why
	}
	return NewKeyList(file.AsOf, keys, over)
}
