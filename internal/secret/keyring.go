package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"filippo.io/age"
	"github.com/emmansun/gmsm/sm3"

	"shouwang/internal/errs"
)

// keyringFormat is the version of the file's form that this program writes and reads.
const keyringFormat = 1

// keyringFile is the file: JSON, so that it can be printed and locked away.
type keyringFile struct {
	Format  int        `json:"format"`
	ID      string     `json:"id"`
	Keys    []keyEntry `json:"keys"`
	Archive string     `json:"archive"` // age X25519 identity
}

// keyEntry is one key. Its id is a hash over purpose and key, by which a mistyped or mixed-up key is found at once.
type keyEntry struct {
	Purpose string `json:"purpose"`
	ID      string `json:"id"`
	Key     string `json:"key"` // hexadecimal
}

// slots pairs the purposes of the keys with their places.
func (raw *keys) slots() []struct {
	purpose string
	key     []byte
} {
	return []struct {
		purpose string
		key     []byte
	}{
		{"person", raw.person[:]}, // HMAC-SM3: persons' pseudonyms
		{"name", raw.name[:]},     // HMAC-SM3: names' pseudonyms
		{"hash", raw.hash[:]},     // HMAC-SM3: natural keys
		{"seal", raw.seal[:]},     // SM4-GCM: sealed columns
		{"nonce", raw.nonces[:]},  // HMAC-SM3: nonces of sealed columns
	}
}

// keyID is the first 8 bytes of SM3 over purpose and key, in hexadecimal digits.
func keyID(purpose string, key []byte) string {
	sum := sm3.Sum(append([]byte("shouwang key|"+purpose+"|"), key...))
	return hex.EncodeToString(sum[:8])
}

// ringID is the keyring's id: a hash over the ids of its keys and the archive's public key.
func ringID(raw *keys) string {
	text := "shouwang keyring"
	for _, s := range raw.slots() {
		text += "|" + keyID(s.purpose, s.key)
	}
	sum := sm3.Sum([]byte(text + "|" + raw.archive.Recipient().String()))
	return hex.EncodeToString(sum[:8])
}

// Create makes a keyring of new random keys and writes it to path with mode 0600. It never overwrites a file, and a
// crash leaves either no file or the whole one.
func Create(path string) (*Keyring, error) {
	raw := new(keys)
	for _, s := range raw.slots() {
		if _, err := rand.Read(s.key); err != nil {
			return nil, errs.Wrap(errs.Internal, err, "系统随机数不可用", "the system's random numbers are not available")
		}
	}
	var err error
	if raw.archive, err = age.GenerateX25519Identity(); err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法生成档案密钥", "cannot make the archive's key")
	}
	file := keyringFile{Format: keyringFormat, ID: ringID(raw), Archive: raw.archive.String()}
	for _, s := range raw.slots() {
		file.Keys = append(file.Keys, keyEntry{Purpose: s.purpose, ID: keyID(s.purpose, s.key), Key: hex.EncodeToString(s.key)})
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法写出密钥文件", "cannot write the keyring")
	}
	if err := writeNew(path, append(text, '\n')); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, errs.Newf(errs.Conflict,
				"密钥文件 %[1]s 已经存在，不会覆盖；如果确实要换新密钥，请先把旧文件移到安全的地方",
				"the keyring %[1]s exists and will not be overwritten; if you really want new keys, move the old file to a safe place first", path)
		}
		return nil, errs.Wrap(errs.Unavailable, err, "无法写出密钥文件 "+path, "cannot write the keyring "+path)
	}
	return newKeyring(file.ID, raw)
}

// writeNew writes a file that must not exist yet: to a temporary file beside it, synced, then linked to its name.
func writeNew(path string, text []byte) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".keyring-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err = tmp.Write(text); err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	// Link, unlike rename, fails when the name was taken in the meantime. File systems without links get the rename.
	if err := os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil {
		if err := os.Rename(tmp.Name(), path); err != nil {
			return err
		}
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // not every system can sync a folder
		d.Close()
	}
	return nil
}

// Load reads a keyring. It refuses a file that the group or others may read, one of another form, and one whose keys do
// not fit their ids.
func Load(path string) (*Keyring, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.Newf(errs.NotFound,
			"找不到密钥文件 %[1]s：没有它，姓名和证件号码无法解密；请检查设置中的位置，或从备份恢复",
			"no keyring at %[1]s: without it names and numbers cannot be read; check the setting, or restore it from the backup", path)
	}
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法读取密钥文件 "+path, "cannot read the keyring "+path)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法读取密钥文件 "+path, "cannot read the keyring "+path)
	}
	if !info.Mode().IsRegular() {
		return nil, errs.Newf(errs.Invalid, "密钥文件 %[1]s 不是普通文件", "the keyring %[1]s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" { // Windows has no such bits
		return nil, errs.Newf(errs.Refused,
			"密钥文件 %[1]s 的权限是 %[2]04o，其他用户也能读；请执行 chmod 600 %[1]s",
			"the keyring %[1]s has mode %[2]04o, so others may read it; run chmod 600 %[1]s", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法读取密钥文件 "+path, "cannot read the keyring "+path)
	}
	id, raw, err := decode(text)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "密钥文件 "+path+" 有误", "the keyring "+path+" is wrong")
	}
	return newKeyring(id, raw)
}

// decode reads the file's text. Its errors never quote the text.
func decode(text []byte) (string, *keys, error) {
	var file keyringFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return "", nil, errs.New(errs.Invalid, "不是密钥文件，或者内容不完整", "it is no keyring, or not the whole of it")
	}
	if file.Format != keyringFormat {
		return "", nil, errs.Newf(errs.Invalid, "格式版本是 %[1]d，本程序只认识 %[2]d", "its format is %[1]d; this program knows %[2]d", file.Format, keyringFormat)
	}
	raw := new(keys)
	given := make(map[string]keyEntry, len(file.Keys))
	for _, k := range file.Keys {
		if _, twice := given[k.Purpose]; twice {
			return "", nil, errs.New(errs.Invalid, "同一用途的密钥出现两次", "two keys for the same purpose")
		}
		given[k.Purpose] = k
	}
	slots := raw.slots()
	if len(given) != len(slots) {
		return "", nil, errs.Newf(errs.Invalid, "应有 %[1]d 把密钥，实有 %[2]d 把", "it should have %[1]d keys and has %[2]d", len(slots), len(given))
	}
	for _, s := range slots {
		entry, ok := given[s.purpose]
		key, err := hex.DecodeString(entry.Key)
		if !ok || err != nil || len(key) != len(s.key) || keyID(s.purpose, key) != entry.ID {
			return "", nil, errs.Newf(errs.Invalid, "用途为 %[1]s 的密钥缺失或被改动", "the key for %[1]s is missing or was changed", s.purpose)
		}
		copy(s.key, key)
	}
	var err error
	if raw.archive, err = age.ParseX25519Identity(file.Archive); err != nil {
		return "", nil, errs.New(errs.Invalid, "档案密钥缺失或被改动", "the archive's key is missing or was changed")
	}
	if ringID(raw) != file.ID {
		return "", nil, errs.New(errs.Invalid, "密钥文件编号与密钥不符，可能混入了另一个文件的密钥", "the keyring's id does not fit its keys; keys of another file may be mixed in")
	}
	return file.ID, raw, nil
}
