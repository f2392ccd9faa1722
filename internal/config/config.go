// Package config says where things are: the data folder, the keyring, the policy pack, the language. It owns the
// settings of one run of the program and the small marker file that makes a folder a data folder.
//
// It never opens the warehouse or reads a key. The environment is passed in, never taken from the air.
package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"shouwang/internal/errs"
)

// Names of what lies in a data folder.
const (
	// DefaultData is the data folder when neither --data nor SHOUWANG_DATA is given.
	DefaultData = "./shouwang-data"
	// Format is the version of the data folder's layout.
	Format = 1
	// MarkerFile makes a folder a data folder.
	MarkerFile = "shouwang.json"
	// LedgerFile is the ledger, when no other place is named.
	LedgerFile = "ledger.sqlite"

	warehouseFile = "warehouse.duckdb"
	socketFile    = "server.sock"
)

// Config is the settings of one run. Empty fields are filled by Resolve.
type Config struct {
	Data        string // data folder
	Keyring     string // keyring file; beside the data folder, never in it
	Pack        string // folder of a policy pack; empty = the folder's own choice, else the pack that is built in
	Ledger      string // URL of the ledger, "sqlite:PATH" or "postgres://…"; empty = the folder's own choice, else a file in it
	Threads     int    // threads of the warehouse engine; 0 = one per processor
	MemoryLimit string // memory limit of the warehouse engine, such as "4GB"; empty = the engine's default
}

// Resolve fills what the command line left empty: first from the environment (SHOUWANG_DATA, SHOUWANG_KEYRING,
// SHOUWANG_PACK, SHOUWANG_LEDGER, SHOUWANG_THREADS, SHOUWANG_MEMORY), then from the defaults. It fails when a variable is not a number where
// one is needed, or when the keyring would lie inside the data folder: a copy of the folder must not carry its keys.
func (c Config) Resolve(getenv func(string) string) (Config, error) {
	first := func(values ...string) string {
		for _, v := range values {
			if v != "" {
				return v
			}
		}
		return ""
	}
	c.Data = filepath.Clean(first(c.Data, getenv("SHOUWANG_DATA"), DefaultData))
	c.Keyring = filepath.Clean(first(c.Keyring, getenv("SHOUWANG_KEYRING"), c.Data+".keyring"))
	c.Pack = first(c.Pack, getenv("SHOUWANG_PACK"))
	c.Ledger = first(c.Ledger, getenv("SHOUWANG_LEDGER"))
	c.MemoryLimit = first(c.MemoryLimit, getenv("SHOUWANG_MEMORY"))
	if text := getenv("SHOUWANG_THREADS"); text != "" && c.Threads == 0 {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return c, errs.Newf(errs.Invalid,
				"环境变量 SHOUWANG_THREADS 应为正整数，现为 %[1]q", "SHOUWANG_THREADS must be a positive whole number, not %[1]q", text)
		}
		c.Threads = n
	}
	inside, err := within(c.Data, c.Keyring)
	if err != nil {
		return c, err
	}
	if inside {
		return c, errs.Newf(errs.Refused,
			"密钥文件 %[1]s 不能放在数据文件夹 %[2]s 里面：拷走数据的人会同时拷走密钥。请用 --keyring 指定别处",
			"the keyring %[1]s must not lie inside the data folder %[2]s: whoever copies the data would copy the keys too; name another place with --keyring",
			c.Keyring, c.Data)
	}
	return c, nil
}

// within reports whether file lies inside folder.
func within(folder, file string) (bool, error) {
	a, err := filepath.Abs(folder)
	if err != nil {
		return false, errs.Wrap(errs.Invalid, err, "无法解析数据文件夹路径", "cannot resolve the data folder's path")
	}
	b, err := filepath.Abs(file)
	if err != nil {
		return false, errs.Wrap(errs.Invalid, err, "无法解析密钥文件路径", "cannot resolve the keyring's path")
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && filepath.IsLocal(rel), nil
}

// Warehouse is the path of the DuckDB file.
func (c Config) Warehouse() string { return filepath.Join(c.Data, warehouseFile) }

// LedgerURL is the ledger's URL: the configured one, else a file in the data folder.
func (c Config) LedgerURL() string {
	if c.Ledger != "" {
		return c.Ledger
	}
	return "sqlite:" + filepath.Join(c.Data, LedgerFile)
}

// CheckLedger refuses a ledger URL that holds a password: it is noted in the data folder in plain.
func CheckLedger(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errs.New(errs.Invalid, "台账库的地址不对：应为 sqlite:路径 或 postgres://…", "the ledger's URL is wrong: sqlite:PATH or postgres://…")
	}
	_, given := u.User.Password()
	if given || u.Query().Has("password") {
		return errs.New(errs.Refused, "台账库的地址里不能写口令，请用 PGPASSFILE", "the ledger's URL must hold no password; use PGPASSFILE")
	}
	return nil
}

// Socket is the path of the socket that a running server takes command lines on.
func (c Config) Socket() string { return filepath.Join(c.Data, socketFile) }

// Temp is the folder for spill files of the warehouse engine.
func (c Config) Temp() string { return filepath.Join(c.Data, "tmp") }

// Folder is the marker file of a data folder.
type Folder struct {
	Format  int       `json:"format"`
	Pack    string    `json:"pack,omitempty"`   // folder of the pack given to init; empty = the pack that is built in
	Ledger  string    `json:"ledger,omitempty"` // URL of the ledger given to init, without a password; empty = the file in the folder
	Created time.Time `json:"created"`
	Demo    bool      `json:"demo,omitempty"` // made by `shouwang demo`, which may replace it
}

// ReadFolder reads the marker of data folder dir. The error is NotFound when dir is not a data folder, and Conflict when
// it was made by a newer program.
func ReadFolder(dir string) (Folder, error) {
	var f Folder
	text, err := os.ReadFile(filepath.Join(dir, MarkerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f, errs.Newf(errs.NotFound,
			"%[1]s 不是守望的数据文件夹。请先运行 shouwang init --data %[1]s，或用 --data 指定正确的文件夹",
			"%[1]s is not a data folder of shouwang; run shouwang init --data %[1]s first, or name the right folder with --data", dir)
	}
	if err != nil {
		return f, errs.Wrap(errs.Unavailable, err, "无法读取数据文件夹 "+dir, "cannot read the data folder "+dir)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, errs.Wrap(errs.Invalid, err,
			"数据文件夹的标记文件已损坏："+filepath.Join(dir, MarkerFile), "the data folder's marker file is damaged: "+filepath.Join(dir, MarkerFile))
	}
	if f.Format > Format {
		return f, errs.Newf(errs.Conflict,
			"数据文件夹 %[1]s 是更新版本的守望建立的（格式 %[2]d，本程序只认识到 %[3]d），请升级程序",
			"the data folder %[1]s was made by a newer shouwang (format %[2]d, this program knows up to %[3]d); upgrade the program", dir, f.Format, Format)
	}
	return f, nil
}

// WriteFolder makes dir a data folder (mode 0700). It refuses a folder that is one already and a folder with anything
// else in it, so that no foreign file is ever mixed with derived data.
func WriteFolder(dir string, f Folder) error {
	if _, err := os.Stat(filepath.Join(dir, MarkerFile)); err == nil {
		return errs.Newf(errs.Conflict, "%[1]s 已经是数据文件夹，不能重复初始化", "%[1]s is a data folder already", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errs.Wrap(errs.Unavailable, err, "无法读取文件夹 "+dir, "cannot read the folder "+dir)
	}
	if len(entries) > 0 {
		return errs.Newf(errs.Refused, "%[1]s 不是空文件夹，请换一个新的文件夹", "%[1]s is not empty; name a new folder", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法建立数据文件夹 "+dir, "cannot make the data folder "+dir)
	}
	f.Format = Format
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return errs.Wrap(errs.Internal, err, "无法写出标记文件", "cannot write the marker file")
	}
	if err := os.WriteFile(filepath.Join(dir, MarkerFile), append(text, '\n'), 0o600); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写入数据文件夹 "+dir, "cannot write to the data folder "+dir)
	}
	return nil
}
