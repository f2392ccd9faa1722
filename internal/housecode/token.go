package housecode

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"shouwang/internal/division"
	"shouwang/internal/errs"
)

// ID names one issued code: 64 random bits that mean nothing outside the ledger.
type ID [8]byte

// NewID makes an id.
func NewID() (id ID) {
	rand.Read(id[:]) // never fails: it ends the program instead
	return id
}

// String is the id as it is printed on a card: four groups of four hexadecimal digits.
func (id ID) String() string {
	h := strings.ToUpper(hex.EncodeToString(id[:]))
	return h[:4] + "-" + h[4:8] + "-" + h[8:12] + "-" + h[12:]
}

// ParseID reads an id as it is printed.
func ParseID(s string) (id ID, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), "-", ""))
	if err != nil || len(b) != len(id) {
		return id, errs.New(errs.Invalid, "编号应为 16 位十六进制数字，如 3F2A-91C0-77B4-0E5D", "a code's number has 16 hexadecimal digits, such as 3F2A-91C0-77B4-0E5D")
	}
	copy(id[:], b)
	return id, nil
}

// Token is what a code holds, and all it holds: no name, no number, no risk.
type Token struct {
	ID      ID
	Village division.Code
	Serial  int // the how-manieth card of the household: 1, 2 …
	Issued  time.Time
	Expires time.Time // the first moment at which it is no longer valid
	Key     KeyID
}

// claims is the token as a CWT (RFC 8392): exp 4, iat 6, cti 7; village and serial stand under a private label.
type claims struct {
	Expires int64  `cbor:"4,keyasint"`
	Issued  int64  `cbor:"6,keyasint"`
	ID      []byte `cbor:"7,keyasint"`
	Place   place  `cbor:"-65537,keyasint"`
}

type place struct {
	_       struct{} `cbor:",toarray"`
	Village int64
	Serial  int
}

// codec holds the strict CBOR modes.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() (codec, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return codec{}, err
	}
	dec, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength: cbor.IndefLengthForbidden, MaxNestedLevels: 4, MaxArrayElements: 16, MaxMapPairs: 16, TagsMd: cbor.TagsForbidden}.DecMode()
	return codec{enc, dec}, err
}

// Sign makes the signed form of a token (COSE_Sign1, untagged) and its payload text, which [Address] puts behind a link.
func (k *SigningKey) Sign(t Token) (string, error) {
	payload, err := k.codec.enc.Marshal(claims{Expires: t.Expires.Unix(), Issued: t.Issued.Unix(), ID: t.ID[:], Place: place{Village: int64(t.Village), Serial: t.Serial}})
	if err != nil {
		return "", signing(err)
	}
	headers := cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: k.signer.Algorithm(), cose.HeaderLabelKeyID: k.ID[:]}}
	signed, err := cose.Sign1Untagged(rand.Reader, k.signer, headers, payload, nil)
	if err != nil {
		return "", signing(err)
	}
	return string(encode41(signed)), nil
}

func signing(err error) error {
	return errs.Wrap(errs.Internal, err, "无法签发户码", "cannot sign the code")
}

// Address puts a payload behind a link. The whole is in capitals, for the QR code's alphanumeric mode; host names and schemes don't mind.
func Address(base, payload string) string {
	return strings.ToUpper(strings.TrimRight(base, "/")) + "/" + payload
}

// Verdict is what a check of a code comes to.
type Verdict string

// The verdicts.
const (
	Valid      Verdict = "valid"
	NotACode   Verdict = "not_a_code"  // some other QR code, or a text
	Truncated  Verdict = "truncated"   // part of a code
	Tampered   Verdict = "tampered"    // not what was signed
	UnknownKey Verdict = "unknown_key" // signed with a key that is not on the list
	NotYet     Verdict = "not_yet"     // issued in the future: a wrong clock
	Expired    Verdict = "expired"
	Revoked    Verdict = "revoked"  // withdrawn, or its key was
	Replaced   Verdict = "replaced" // a newer card was printed
	Unissued   Verdict = "unissued" // well signed, but the ledger does not know it
)

// In gives the verdict for people.
func (v Verdict) In(lang string) string {
	text := map[Verdict][2]string{
		Valid:      {"有效", "valid"},
		NotACode:   {"不是户码", "not a household code"},
		Truncated:  {"户码不完整，请重新扫描", "part of a code only: scan again"},
		Tampered:   {"户码被改动过，不是本系统签发的内容", "altered: this is not what was signed"},
		UnknownKey: {"签发密钥不在本机的名单里：请更新公钥名单；仍然如此则是伪造", "signed with a key that is not on this list: update the list of keys; if that does not help it is forged"},
		NotYet:     {"签发时间在将来：请检查本机时钟", "issued in the future: check this machine's clock"},
		Expired:    {"已过有效期，请到村委会换发", "expired: the village committee issues a new one"},
		Revoked:    {"已作废", "revoked"},
		Replaced:   {"已换发新卡，此卡作废", "replaced by a newer card"},
		Unissued:   {"签名有效，但账本里没有这个户码：请报告系统管理员", "well signed, but the ledger does not know this code: tell the administrator"},
	}[v]
	if lang == "en" {
		return text[1]
	}
	return text[0]
}

// clockSlack is how far a phone's clock may be behind.
const clockSlack = 24 * time.Hour

// maxPayload bounds what is decoded at all; a code of the SM2 suite has the same length as one of Ed25519, about 180.
const maxPayload = 400

// Check judges a scanned text, a whole link or a payload, with nothing but public keys: no network, no ledger. Revoked and replaced codes are told
// as far as the list knows them.
func (l *KeyList) Check(text string, now time.Time) (Token, Verdict) {
	t, key, v := l.open(text)
	if v != Valid {
		return Token{}, v
	}
	return t, l.judge(t, key, now)
}

// judge is what there is to say about a well-signed token.
func (l *KeyList) judge(t Token, key *PublicKey, now time.Time) Verdict {
	switch listed := l.Ended[t.ID]; {
	case key.Withdrawn, listed == Revoked:
		return Revoked
	case listed == Replaced:
		return Replaced
	case now.Add(clockSlack).Before(t.Issued):
		return NotYet
	case !now.Before(t.Expires):
		return Expired
	}
	return Valid
}

// open takes a text apart and verifies its signature.
func (l *KeyList) open(text string) (Token, *PublicKey, Verdict) {
	text = strings.TrimSpace(text)
	payload := text[strings.LastIndexByte(text, '/')+1:]
	if len(payload) > maxPayload || payload == "" {
		return Token{}, nil, NotACode
	}
	// Every code begins with an array of four, COSE_Sign1; so any other address is told from a code that was cut.
	if begin, v := decode41(payload[:min(3, len(payload))]); v == NotACode || len(begin) > 0 && begin[0] != 0x84 {
		return Token{}, nil, NotACode
	}
	signed, v := decode41(payload)
	if v != Valid {
		return Token{}, nil, v
	}
	if err := l.codec.dec.Wellformed(signed); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return Token{}, nil, Truncated
		}
		return Token{}, nil, Tampered
	}
	var message cose.UntaggedSign1Message
	if err := message.UnmarshalCBOR(signed); err != nil {
		return Token{}, nil, Tampered
	}
	kid, _ := message.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
	if len(message.Headers.Protected) != 2 || len(message.Headers.Unprotected) != 0 || len(kid) != len(KeyID{}) {
		return Token{}, nil, Tampered
	}
	key := l.keys[KeyID(kid)]
	if key == nil {
		return Token{}, nil, UnknownKey
	}
	if err := message.Verify(nil, key.verifier); err != nil {
		return Token{}, nil, Tampered
	}
	var c claims
	if err := l.codec.dec.Unmarshal(message.Payload, &c); err != nil || len(c.ID) != len(ID{}) {
		return Token{}, nil, Tampered
	}
	// One token has one spelling: whatever is not written as we write it was not written by us.
	if again, err := l.codec.enc.Marshal(c); err != nil || !bytes.Equal(again, message.Payload) {
		return Token{}, nil, Tampered
	}
	return Token{ID: ID(c.ID), Village: division.Code(c.Place.Village), Serial: c.Place.Serial,
		Issued: time.Unix(c.Issued, 0).UTC(), Expires: time.Unix(c.Expires, 0).UTC(), Key: key.ID}, key, Valid
}
