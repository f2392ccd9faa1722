package housecode

// The payload of a code is written in base 41: two bytes are three characters, as in base 45 (RFC 9285), and all of them stand in the
// alphanumeric mode of a QR code (5.5 bits each; base 32 would need a tenth more). Base 45 itself does not serve in an address: its space, percent sign
// and plus sign are changed on the way by browsers and chat programs. 41 characters are enough (41³ > 65536), and that many mean
// nothing in a path. '.' and ':' are the last two digits, which a text never ends with, so that no program takes them for punctuation.
const alphabet41 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$*-.:"

func encode41(b []byte) []byte {
	out := make([]byte, 0, (len(b)+1)/2*3)
	for len(b) > 1 {
		n := int(b[0])<<8 | int(b[1])
		out = append(out, alphabet41[n%41], alphabet41[n/41%41], alphabet41[n/1681])
		b = b[2:]
	}
	if len(b) == 1 {
		out = append(out, alphabet41[b[0]%41], alphabet41[b[0]/41])
	}
	return out
}

// decode41 gives the verdict for a text that nothing encodes to: NotACode for a foreign character, Truncated for a length that can only come
// from cutting, Tampered for a group of digits beyond the largest value.
func decode41(s string) ([]byte, Verdict) {
	digits := make([]int, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits[i] = int(c - '0')
		case c >= 'A' && c <= 'Z':
			digits[i] = int(c-'A') + 10
		case c >= 'a' && c <= 'z': // a browser's address line may have lowered it
			digits[i] = int(c-'a') + 10
		case c == '$':
			digits[i] = 36
		case c == '*':
			digits[i] = 37
		case c == '-':
			digits[i] = 38
		case c == '.':
			digits[i] = 39
		case c == ':':
			digits[i] = 40
		default:
			return nil, NotACode
		}
	}
	if len(digits)%3 == 1 {
		return nil, Truncated
	}
	out := make([]byte, 0, len(digits)/3*2+1)
	for len(digits) > 2 {
		n := digits[0] + 41*digits[1] + 1681*digits[2]
		if n > 0xffff {
			return nil, Tampered
		}
		out = append(out, byte(n>>8), byte(n))
		digits = digits[3:]
	}
	if len(digits) == 2 {
		n := digits[0] + 41*digits[1]
		if n > 0xff {
			return nil, Tampered
		}
		out = append(out, byte(n))
	}
	return out, Valid
}
