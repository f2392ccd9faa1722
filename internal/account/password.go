package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"shouwang/internal/errs"
)

// Cost of argon2id: 19 MiB, two passes, one lane (OWASP's smallest recommended setting). A hash carries its own, so that it can be raised later.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	saltSize    = 16
	hashSize    = 32
)

// decoy is verified where there is no such account, so that the answer takes as long: a hash of random bytes that nobody knows.
const decoy = "$argon2id$v=19$m=19456,t=2,p=1$c2hvdXdhbmcgZGVjb3khIQ$q2V0Zm5rZ2p3cWxrZGpmbGFrc2RqZmxrYXNkamZsa2E"

func hashers() int { return max(1, runtime.GOMAXPROCS(0)) }

// work runs f when one of the hashing places is free.
func (s *Service) work(ctx context.Context, f func()) error {
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.hashing }()
	f()
	return nil
}

// hash makes the stored form of a password: $argon2id$v=19$m=…,t=…,p=1$salt$hash.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails: it ends the program instead
	var sum []byte
	err := s.work(ctx, func() {
		sum = argon2.IDKey([]byte(norm.NFKC.String(password)), salt, argonTime, argonMemory, 1, hashSize)
	})
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, argonMemory, argonTime, b64(salt), b64(sum)), err
}

// matches reports whether password is the one of stored. An empty or damaged stored form matches nothing, and takes as long.
func (s *Service) matches(ctx context.Context, stored, password string) (bool, error) {
	real := stored != ""
	if !real {
		stored = decoy
	}
	var memory, time uint32
	var lanes uint8
	var version int
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, damaged()
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, damaged()
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes); err != nil || time == 0 || lanes == 0 || memory > 1<<20 || time > 100 {
		return false, damaged()
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || err2 != nil || len(want) < 16 {
		return false, damaged()
	}
	var sum []byte
	err = s.work(ctx, func() {
		sum = argon2.IDKey([]byte(norm.NFKC.String(password)), salt, time, memory, lanes, uint32(len(want)))
	})
	return err == nil && subtle.ConstantTimeCompare(sum, want) == 1 && real, err
}

func damaged() error {
	return errs.New(errs.Internal, "已保存的口令格式有误，请管理员重置口令", "the stored password is damaged; have an administrator reset it")
}

// Bounds of a password, in characters.
const (
	minPassword = 10
	maxPassword = 128
)

// CheckPassword applies the rules for a password that a person chooses: 10 to 128 characters, of at least three of the kinds lower case, upper case, digits,
// others; at least six different ones; not the login or the name, nor a plain row of the keyboard or the alphabet.
func CheckPassword(password, login, name string) error {
	password = norm.NFKC.String(password)
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword || !utf8.ValidString(password) {
		return errs.Newf(errs.Invalid, "口令应为 %[1]d 到 %[2]d 个字符", "a password has %[1]d to %[2]d characters", minPassword, maxPassword)
	}
	var lower, upper, digit, other int
	different := map[rune]bool{}
	for _, r := range password {
		different[unicode.ToLower(r)] = true
		switch {
		case unicode.IsLower(r):
			lower = 1
		case unicode.IsUpper(r):
			upper = 1
		case unicode.IsDigit(r):
			digit = 1
		default:
			other = 1
		}
	}
	if lower+upper+digit+other < 3 {
		return errs.New(errs.Invalid, "口令应包含大写字母、小写字母、数字、其他字符中的至少三种",
			"a password needs at least three of: capital letters, small letters, digits, other characters")
	}
	plain := strings.ToLower(password)
	if len(different) < 6 || login != "" && strings.Contains(plain, login) || utf8.RuneCountInString(name) > 1 && strings.Contains(plain, strings.ToLower(name)) || guessable(plain) {
		return errs.New(errs.Invalid, "口令太容易猜到：不要用登录名、姓名、连续的字母数字或键盘排列、常见词",
			"the password is too easy to guess: no login, no name, no rows of the alphabet or the keyboard, no common words")
	}
	return nil
}

// guessable reports whether half of a password or more is rows and words that everybody tries first.
func guessable(plain string) bool {
	rows := []string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "!@#$%^&*()", "1qaz2wsx3edc4rfv", "password", "passw0rd", "p@ssw0rd", "p@ssword",
		"admin", "administrator", "shouwang", "guizhou", "huawei", "welcome", "iloveyou", "woaini", "letmein"}
	covered := make([]bool, len(plain))
	cover := func(word string) {
		for from := 0; ; {
			i := strings.Index(plain[from:], word)
			if i < 0 {
				return
			}
			for j := range len(word) {
				covered[from+i+j] = true
			}
			from += i + 1
		}
	}
	for i, row := range rows {
		if i >= 7 {
			cover(row)
			continue
		}
		for at := 0; at+4 <= len(row); at++ { // every four in a row, forwards and backwards
			four := []byte(row[at : at+4])
			cover(string(four))
			four[0], four[1], four[2], four[3] = four[3], four[2], four[1], four[0]
			cover(string(four))
		}
	}
	n := 0
	for _, c := range covered {
		if c {
			n++
		}
	}
	return 2*n >= len(plain)
}

// oneTime makes a password for handing over on paper: 16 characters without those that look alike, about 75 bits, in groups of four.
func oneTime() string {
	const letters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	var b strings.Builder
	buf := make([]byte, 1)
	for n := 0; n < 16; {
		rand.Read(buf)
		if int(buf[0]) >= 256/len(letters)*len(letters) {
			continue // so that every letter is as likely as every other
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(letters[int(buf[0])%len(letters)])
		n++
	}
	return b.String()
}
