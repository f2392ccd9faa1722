// Package registry is the register of households and persons: who belongs where, since when, known since which batch. It is derived from the roster,
// the registration changes and the death records; nobody edits it.
//
// It owns the tables household, person and person_former with their past twins, the household number's normal form, and the ways to look somebody up.
// It never shows a name or a number unless asked with a reason (Reveal), and never links departments' rows: that is linkage.
package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/text/width"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/residentid"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// HouseholdID gives the id of a household number and the number's normal form: half-width, without spaces and '-', upper case. 1–18 digits not starting
// with 0 are their own id; any other number's id is 2^62 plus the first 62 bits of its SM3. ok is false for an empty number.
func HouseholdID(number string) (id int64, normal string, ok bool) {
	normal = strings.ToUpper(strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\u00a0', '\u3000', '-', '\r', '\n', '\ufeff':
			return -1
		}
		return r
	}, width.Narrow.String(number)))
	if normal == "" {
		return 0, "", false
	}
	if len(normal) <= 18 && normal[0] != '0' {
		if v, err := strconv.ParseInt(normal, 10, 64); err == nil && normal[0] != '+' {
			return v, normal, true
		}
	}
	h := sm3.Sum([]byte(normal))
	return 1<<62 + int64(binary.BigEndian.Uint64(h[:8])>>2), normal, true
}

// Household is one household as the registry has it.
type Household struct {
	ID        int64         `json:"household_id"`
	No        string        `json:"household_no"` // household number 户编号
	Division  division.Code `json:"division"`
	County    int32         `json:"county"`
	Members   int           `json:"members"` // current members
	HeadKey   secret.Key128 `json:"-"`
	Type      string        `json:"type"`      // code of roster column household_type, "" = not known
	Relocated *bool         `json:"relocated"` // nil = not known
	Seen      int           `json:"seen"`      // batch since which it is known so
}

// Person is one membership. There is nothing in it that names the person.
type Person struct {
	Key                                            secret.Key128
	HouseholdID                                    int64
	Relation                                       string
	Birth                                          time.Time // zero = not known
	Sex, Ethnic, Education, School, Health, Labour string
	From, To                                       time.Time // zero From = before records began; zero To = member now
	Source                                         string    // roster or change
	Contested                                      bool      // two households claim the person
	Seen                                           int
}

const householdSelect = `SELECT household_id, coalesce(household_no, ''), coalesce(division, 0), coalesce(county, 0), members, ` +
	`CAST(head_key >> 64 AS UBIGINT), CAST(head_key & 18446744073709551615 AS UBIGINT), coalesce(type, ''), relocated, seen FROM household h`

func scanHousehold(row interface{ Scan(...any) error }) (Household, error) {
	var h Household
	var div int64
	var hi, lo sql.Null[uint64]
	var relocated sql.NullBool
	err := row.Scan(&h.ID, &h.No, &div, &h.County, &h.Members, &hi, &lo, &h.Type, &relocated, &h.Seen)
	h.Division = division.Code(div)
	h.HeadKey = secret.Key128{Hi: hi.V, Lo: lo.V}
	if relocated.Valid {
		h.Relocated = &relocated.Bool
	}
	return h, err
}

// ByHouseholdNo finds a household by its number as people write it. Errors: errs.NotFound.
func ByHouseholdNo(ctx context.Context, conn *sql.Conn, number string) (Household, error) {
	id, normal, ok := HouseholdID(number)
	if !ok {
		return Household{}, errs.New(errs.Invalid, "请填写户编号。", "give a household number.")
	}
	h, err := scanHousehold(conn.QueryRowContext(ctx, householdSelect+" WHERE household_id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		if _, err := residentid.Parse(normal); err == nil { // somebody's number was typed in the wrong field: it must not be repeated
			normal = residentid.MaskAny(normal)
		}
		return Household{}, errs.Newf(errs.NotFound, "没有户编号为 %[1]s 的农户。请核对编号，或先导入该县的农户花名册。", "there is no household %[1]s. Check the number, or take in the county's roster first.", normal)
	}
	if err != nil {
		return Household{}, fmt.Errorf("registry: household: %w", err)
	}
	return h, nil
}

const personSelect = `SELECT CAST(p.person_key >> 64 AS UBIGINT), CAST(p.person_key & 18446744073709551615 AS UBIGINT), p.household_id, coalesce(p.relation, ''), p.birth, coalesce(p.sex, ''), ` +
	`coalesce(p.ethnic, ''), coalesce(p.education, ''), coalesce(p.school, ''), coalesce(p.health, ''), coalesce(p.labour, ''), p.member_from, p.member_to, p.source, p.contested, p.seen`

func queryPersons(ctx context.Context, conn *sql.Conn, q string, args ...any) ([]Person, error) {
	rows, err := conn.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("registry: persons: %w", err)
	}
	defer rows.Close()
	var out []Person
	for rows.Next() {
		var p Person
		var birth, from, to sql.NullTime
		if err := rows.Scan(&p.Key.Hi, &p.Key.Lo, &p.HouseholdID, &p.Relation, &birth, &p.Sex, &p.Ethnic, &p.Education, &p.School, &p.Health, &p.Labour,
			&from, &to, &p.Source, &p.Contested, &p.Seen); err != nil {
			return nil, fmt.Errorf("registry: persons: %w", err)
		}
		p.Birth, p.From, p.To = birth.Time, from.Time, to.Time
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: persons: %w", err)
	}
	return out, nil
}

// Members are the current members of a household, the head first, then by birth; with former also those who died or left, after them.
func Members(ctx context.Context, conn *sql.Conn, householdID int64, former bool) ([]Person, error) {
	const order = ` ORDER BY CASE p.relation WHEN 'head' THEN 0 WHEN 'spouse' THEN 1 ELSE 2 END, p.birth NULLS LAST, p.person_key`
	out, err := queryPersons(ctx, conn, personSelect+" FROM person p WHERE p.household_id = $1"+order, householdID)
	if err != nil || !former {
		return out, err
	}
	gone, err := queryPersons(ctx, conn, personSelect+" FROM person_former p WHERE p.household_id = $1"+order, householdID)
	return append(out, gone...), err
}

// ByNumber finds the memberships of a person by key: one, two when contested, or, when there is no current one, the ended ones, last first. An empty answer is no error.
func ByNumber(ctx context.Context, conn *sql.Conn, key secret.Key128) ([]Person, error) {
	where := " WHERE p.person_key = " + warehouse.DuckDB.Key128(key.Hi, key.Lo)
	out, err := queryPersons(ctx, conn, personSelect+" FROM person p"+where+" ORDER BY p.household_id")
	if err != nil || len(out) > 0 {
		return out, err
	}
	return queryPersons(ctx, conn, personSelect+" FROM person_former p"+where+" ORDER BY p.member_to DESC, p.household_id")
}

// Cursor says where a page ended; the zero Cursor is the beginning.
type Cursor struct {
	Village   division.Code
	Household int64
	Key       secret.Key128
}

// ByName finds current members of exactly this name (its key) in a division and under it, by village, at most limit, after a cursor. next is nil on the last page.
func ByName(ctx context.Context, conn *sql.Conn, nameKey uint64, within division.Code, after Cursor, limit int) (out []Person, next *Cursor, err error) {
	lo, hi := within.Range()
	if within == 0 {
		hi = 999999999999
	}
	d := warehouse.DuckDB
	rows, err := queryPersons(ctx, conn, fmt.Sprintf(`%s FROM person p JOIN household h ON h.household_id = p.household_id WHERE p.name_key = %s AND h.division BETWEEN %d AND %d
		AND (h.division, p.household_id, p.person_key) > (%d, %d, %s) ORDER BY h.division, p.household_id, p.person_key LIMIT %d`,
		personSelect, d.Key64(nameKey), lo, hi, int64(after.Village), after.Household, d.Key128(after.Key.Hi, after.Key.Lo), limit+1))
	if err != nil || len(rows) <= limit {
		return rows, nil, err
	}
	rows = rows[:limit]
	last := rows[limit-1]
	var village int64
	if err := conn.QueryRowContext(ctx, "SELECT division FROM household WHERE household_id = $1", last.HouseholdID).Scan(&village); err != nil {
		return nil, nil, fmt.Errorf("registry: by name: %w", err)
	}
	return rows, &Cursor{Village: division.Code(village), Household: last.HouseholdID, Key: last.Key}, nil
}

// Identity is what a person is called. String, and so every %v in a log, shows it masked; the fields are the plain values.
type Identity struct {
	Name, Number, Phone, BankAccount string
}

// String masks every value.
func (i Identity) String() string {
	return residentid.MaskName(i.Name) + " " + residentid.MaskAny(i.Number) + " " + residentid.MaskPhone(i.Phone) + " " + maskTail(i.BankAccount)
}

// GoString masks as String does, for %#v.
func (i Identity) GoString() string { return i.String() }

func maskTail(s string) string {
	if len(s) <= 4 {
		return strings.Repeat("*", len(s))
	}
	return strings.Repeat("*", len(s)-4) + s[len(s)-4:]
}

// Revealed is the identity of one member.
type Revealed struct {
	Person   Person
	Identity Identity
}

// Log takes note of a revelation: which household, how many persons, why. It is called before anything is decrypted; an error stops the revelation.
type Log func(ctx context.Context, householdID int64, persons int, reason string) error

// Reveal decrypts the identities of a household's current members, as the latest roster has them. reason must say what for; it is given to log.
// A member whom no roster knows yet (born or moved in since) comes with an empty Identity. Errors: errs.Refused without a reason.
func Reveal(ctx context.Context, conn *sql.Conn, keys *secret.Keyring, rosterDataset string, householdID int64, reason string, log Log) ([]Revealed, error) {
	if strings.TrimSpace(reason) == "" {
		return nil, errs.New(errs.Refused, "查看姓名和证件号码须写明事由。", "a reason is needed to see names and numbers.")
	}
	people, err := Members(ctx, conn, householdID, false)
	if err != nil {
		return nil, err
	}
	if log != nil {
		if err := log(ctx, householdID, len(people), reason); err != nil {
			return nil, err
		}
	}
	known, err := identities(ctx, conn, keys, rosterDataset, householdID)
	if err != nil {
		return nil, err
	}
	out := make([]Revealed, len(people))
	for i, p := range people {
		out[i] = Revealed{Person: p, Identity: known[p.Key]}
	}
	return out, nil
}

// Masked gives the current members with identities of which only the masked form is left (杨**, 138****21): enough for staff to know which household they
// have before them. Nothing in the answer can be unmasked, so it needs no reason and no log.
func Masked(ctx context.Context, conn *sql.Conn, keys *secret.Keyring, rosterDataset string, householdID int64) ([]Revealed, error) {
	people, err := Members(ctx, conn, householdID, false)
	if err != nil {
		return nil, err
	}
	known, err := identities(ctx, conn, keys, rosterDataset, householdID)
	if err != nil {
		return nil, err
	}
	out := make([]Revealed, len(people))
	for i, p := range people {
		id := known[p.Key]
		out[i] = Revealed{Person: p, Identity: Identity{Name: residentid.MaskName(id.Name), Number: residentid.MaskAny(id.Number), Phone: residentid.MaskPhone(id.Phone), BankAccount: maskTail(id.BankAccount)}}
	}
	return out, nil
}

// identities decrypts what the latest roster knows of a household's current members.
func identities(ctx context.Context, conn *sql.Conn, keys *secret.Keyring, rosterDataset string, householdID int64) (map[secret.Key128]Identity, error) {
	persons := fmt.Sprintf("SELECT person_key FROM person WHERE household_id = %d", householdID)
	return identitiesOf(ctx, conn, keys, rosterDataset, persons, fmt.Sprintf("SELECT %d", householdID), "TRUE")
}

// identitiesOf is identities of the persons that one query chooses, whose rows lie in the households that another does, or where they were before. near is a
// condition that holds for all these rows and keeps the engine from reading far away.
func identitiesOf(ctx context.Context, conn *sql.Conn, keys *secret.Keyring, rosterDataset, persons, households, near string) (map[secret.Key128]Identity, error) {
	rows, err := conn.QueryContext(ctx, fmt.Sprintf(`SELECT CAST(f.person_key >> 64 AS UBIGINT), CAST(f.person_key & 18446744073709551615 AS UBIGINT), f.name_enc, f.number_enc, f.phone_enc, f.bank_enc
		FROM fact_%[1]s f JOIN batch b ON b.batch = f.batch WHERE %[4]s AND f.person_key IN (%[2]s)
		AND f.household_id IN (%[3]s UNION ALL SELECT household_id FROM person_former WHERE person_key IN (%[2]s))
		ORDER BY b.period_to, b.sha256, f.row_no`, rosterDataset, persons, households, near))
	if err != nil {
		return nil, fmt.Errorf("registry: reveal: %w", err)
	}
	defer rows.Close()
	known := map[secret.Key128]Identity{}
	for rows.Next() {
		var key secret.Key128
		var sealed [4][]byte
		if err := rows.Scan(&key.Hi, &key.Lo, &sealed[0], &sealed[1], &sealed[2], &sealed[3]); err != nil {
			return nil, fmt.Errorf("registry: reveal: %w", err)
		}
		var id Identity
		for i, f := range []struct {
			column string
			to     *string
		}{{"name", &id.Name}, {"number", &id.Number}, {"phone", &id.Phone}, {"bank", &id.BankAccount}} {
			if sealed[i] == nil {
				continue
			}
			plain, err := keys.Open(f.column, key, sealed[i])
			if err != nil {
				return nil, errs.Wrap(errs.Unavailable, err, "身份信息无法解密：密钥文件与数据仓库不匹配。请使用建库时的密钥文件。",
					"identities cannot be decrypted: the keyring is not the warehouse's. Use the keyring that it was made with.")
			}
			*f.to = string(plain)
		}
		known[key] = id
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: reveal: %w", err)
	}
	return known, nil
}

// Digest is a hash over what household, person and person_former say, independent of the order of rows and of batch numbers: equal digests mean equal registries.
func Digest(ctx context.Context, conn *sql.Conn) (string, error) {
	sum := sha256.New()
	for _, t := range []struct {
		name string
		cols []string
	}{{"household", columnNames(warehouse.HouseholdColumns(), "seen")}, {"person", columnNames(warehouse.PersonColumns(), "seen")}, {"person_former", columnNames(warehouse.PersonColumns(), "seen")}} {
		s, err := TableDigest(ctx, conn, t.name, t.cols)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %s\n", t.name, s)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// TableDigest is a hash of the multiset of rows of a table over some of its columns: the number of rows and the sum of the rows' 64-bit hashes, twice with different salt.
func TableDigest(ctx context.Context, conn *sql.Conn, table string, cols []string) (string, error) {
	list := strings.Join(cols, ", ")
	var n int64
	var a, b string
	if err := conn.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*), CAST(coalesce(sum(hash(%[1]s)), 0) AS VARCHAR), CAST(coalesce(sum(hash('salt', %[1]s)), 0) AS VARCHAR) FROM %[2]s", list, table)).Scan(&n, &a, &b); err != nil {
		return "", fmt.Errorf("registry: digest of %s: %w", table, err)
	}
	x, _ := new(big.Int).SetString(a, 10)
	y, _ := new(big.Int).SetString(b, 10)
	return fmt.Sprintf("%d:%x:%x", n, x, y), nil
}
