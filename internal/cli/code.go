package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/paper"
	"shouwang/internal/registry"
	"shouwang/internal/report"
)

// console is who acts on the command line: whoever may read the keyring may do everything, and the audit chain says so.
func console() account.Actor { return account.SystemActor("command-line") }

func newCodeCommand(e *env) *cobra.Command {
	code := e.command("code", words{
		zh: "一户一码：签发、制卡、查验、换发、作废", en: "household codes: issue, print, check, replace, revoke",
		longZH:  "一户一码是签了名的二维码，里面只有随机编号、村、有效期，没有姓名和风险。第一次使用：code key new，然后 code issue，再 code sheet。",
		longEN:  "A household's code is a signed QR code that holds a random number, the village and an expiry, no name and no risk. The first time: code key new, then code issue, then code sheet.",
		example: "shouwang code key new --data ./county\nshouwang code issue --data ./county --division 522633\nshouwang code sheet --data ./county --division 522633105209 --base https://sw.example.gov.cn/c --out ./cards",
	}, cobra.NoArgs, nil)
	code.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	key := e.command("key", words{
		zh: "管理签名密钥", en: "manage the signing keys",
		longZH:  "户码用 Ed25519（默认）或国密 SM2 签名。私钥只以密文保存在账本里，用密钥文件加密。",
		longEN:  "Codes are signed with Ed25519 (default) or SM2. The secret halves are kept in the ledger only, sealed with the keyring.",
		example: "shouwang code key list --data ./county",
	}, cobra.NoArgs, nil)
	key.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	key.AddCommand(newCodeKeyNewCommand(e), newCodeKeyListCommand(e), newCodeKeyWithdrawCommand(e), newCodeKeyExportCommand(e))
	code.AddCommand(key, newCodeIssueCommand(e), newCodeSheetCommand(e), newCodeCheckCommand(e), newCodeShowCommand(e), newCodeReprintCommand(e), newCodeRevokeCommand(e), newCodeOnceCommand(e))
	return code
}

// withCodes opens the program and runs fn in one change of the ledger.
func withCodes(ctx context.Context, e *env, fn func(context.Context, *app.App, *housecode.Codes, *ledger.Tx) error) error {
	a, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	codes, err := housecode.New(a.Keyring)
	if err != nil {
		return err
	}
	if err := a.Ledger.Write(ctx, e.Now(), func(ctx context.Context, tx *ledger.Tx) error { return fn(ctx, a, codes, tx) }); err != nil {
		return err
	}
	return a.Close()
}

// codeKeysDocument is the JSON document of code key new and code key list.
type codeKeysDocument struct {
	Keys []housecode.Key `json:"keys"` // the newest first
}

func (d *codeKeysDocument) text(w *page) {
	var rows [][]string
	for _, k := range d.Keys {
		state := w.t("在用", "in use")
		switch {
		case k.Withdrawn != 0:
			state = w.t("已作废", "withdrawn")
		case k.Retired != 0:
			state = w.t("不再签发", "retired")
		}
		rows = append(rows, []string{k.ID, string(k.Suite), k.Made.Go().Format(time.DateOnly), state})
	}
	w.table([]string{w.t("密钥", "key"), w.t("套件", "suite"), w.t("生成日期", "made"), w.t("状态", "state")}, rows)
}

func newCodeKeyNewCommand(e *env) *cobra.Command {
	var suite string
	cmd := e.command("new", words{
		zh: "生成新的签名密钥，以后用它签发", en: "make a new signing key, to sign with from now on",
		longZH:  "生成新的签名密钥。以前的密钥不再签发新码，已发的卡继续有效。",
		longEN:  "Makes a new signing key. The key before signs nothing new; cards that are out stay valid.",
		example: "shouwang code key new --data ./county\nshouwang code key new --data ./county --suite sm2",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		var d codeKeysDocument
		return &d, withCodes(ctx, e, func(ctx context.Context, _ *app.App, codes *housecode.Codes, tx *ledger.Tx) error {
			k, err := codes.Rotate(ctx, tx, console(), housecode.Suite(suite))
			d.Keys = []housecode.Key{k}
			return err
		})
	})
	cmd.Flags().StringVar(&suite, "suite", string(housecode.Ed25519), e.t("签名套件：ed25519 或 sm2", "suite: ed25519 or sm2"))
	return cmd
}

func newCodeKeyListCommand(e *env) *cobra.Command {
	return e.command("list", words{
		zh: "列出签名密钥", en: "list the signing keys",
		longZH: "列出全部签名密钥，新的在前。", longEN: "Lists all signing keys, the newest first.",
		example: "shouwang code key list --data ./county --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		var d codeKeysDocument
		return &d, withCodes(ctx, e, func(ctx context.Context, _ *app.App, codes *housecode.Codes, tx *ledger.Tx) (err error) {
			d.Keys, err = codes.Keys(ctx, tx)
			return err
		})
	})
}

// codeVoidedDocument is the JSON document of code key withdraw.
type codeVoidedDocument struct {
	Key    string `json:"key"`
	Voided int    `json:"voided"` // codes that were in force
}

func (d *codeVoidedDocument) text(w *page) {
	w.linef(w.t("密钥 %s 已作废，%d 户的户码随之作废；请重新签发并制卡", "key %s is withdrawn, and with it the codes of %d households: issue and print anew"), d.Key, d.Voided)
}

func newCodeKeyWithdrawCommand(e *env) *cobra.Command {
	var reason string
	cmd := e.command("withdraw KEY", words{
		zh: "密钥外泄：作废密钥和它签发的全部户码", en: "a key got out: void it and all its codes",
		longZH: "作废一个签名密钥。它签发的户码立即全部作废，需要重新签发和制卡。", longEN: "Voids a signing key. All codes signed with it are void at once and must be issued and printed anew.",
		example: "shouwang code key withdraw --data ./county 3f2a91c0 --reason 密钥外泄",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		d := codeVoidedDocument{Key: args[0]}
		return &d, withCodes(ctx, e, func(ctx context.Context, _ *app.App, codes *housecode.Codes, tx *ledger.Tx) (err error) {
			d.Voided, err = codes.Withdraw(ctx, tx, console(), args[0], reason)
			return err
		})
	})
	cmd.Flags().StringVar(&reason, "reason", "", e.t("理由（必需）", "reason (required)"))
	return cmd
}

// codeExportDocument is the JSON document of code key export.
type codeExportDocument struct {
	Out   string `json:"out"`
	Keys  int    `json:"keys"`
	Ended int    `json:"ended"` // codes that were revoked or replaced before their day
}

func (d *codeExportDocument) text(w *page) {
	w.linef(w.t("公钥名单已写到 %s：%d 个公钥，%d 个提前失效的户码。名单里没有秘密和个人信息", "the list is in %s: %d public keys, %d codes that ended early. It holds nothing secret and nothing personal"), d.Out, d.Keys, d.Ended)
}

func newCodeKeyExportCommand(e *env) *cobra.Command {
	var out string
	cmd := e.command("export", words{
		zh: "导出公钥名单，供离线查验", en: "export the list of public keys, for checks without network",
		longZH: "导出全部公钥和提前失效的户码编号（JSON）。有了它，code check --keys 不需要网络和数据文件夹。", longEN: "Exports all public keys and the numbers of codes that ended early, as JSON. With it code check --keys needs neither network nor data folder.",
		example: "shouwang code key export --data ./county --out keys.json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		if out == "" {
			return nil, usagef("请用 --out 指定要写入的文件", "name the file to write to with --out")
		}
		d := codeExportDocument{Out: out}
		var text []byte
		if err := withCodes(ctx, e, func(ctx context.Context, _ *app.App, codes *housecode.Codes, tx *ledger.Tx) error {
			list, err := codes.List(ctx, tx, e.Now())
			if err != nil {
				return err
			}
			keys, err := codes.Keys(ctx, tx)
			if err != nil {
				return err
			}
			d.Keys, d.Ended = len(keys), len(list.Ended)
			text, err = json.Marshal(list)
			return err
		}); err != nil {
			return nil, err
		}
		if err := os.WriteFile(e.path(out), text, 0o644); err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "无法写文件 "+out, "cannot write the file "+out)
		}
		return &d, nil
	})
	cmd.Flags().StringVar(&out, "out", "", e.t("写到这个文件（必需）", "file to write to (required)"))
	return cmd
}

// codeIssueDocument is the JSON document of code issue.
type codeIssueDocument struct {
	housecode.Issued
	Division division.Code `json:"division"`
	Expires  string        `json:"expires"` // day
}

func (d *codeIssueDocument) text(w *page) {
	w.linef(w.t("新签发 %d 户，%d 户的户码仍然有效；有效期至 %s", "%d households have got a code, %d keep theirs; valid until %s"), d.New, d.Kept, d.Expires)
}

func newCodeIssueCommand(e *env) *cobra.Command {
	var where string
	var months int
	cmd := e.command("issue", words{
		zh: "给一个行政区划内的每一户签发户码", en: "give every household of a division a code",
		longZH:  "给行政区划内每一户在册农户签发户码；已有有效户码的不变。每户的卡都一样，不区分是否监测对象。中断后再运行会接着做。",
		longEN:  "Gives every registered household of the division a code; who has a valid one keeps it. All households get the same card, watched or not. Stopped and run again it goes on where it was.",
		example: "shouwang code issue --data ./county --division 522633",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) {
		if months < 1 || months > 120 {
			return nil, usagef("--months 应为 1 到 120", "--months is 1 to 120")
		}
		a, err := e.open(ctx)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		within, err := neededDivision(a, where)
		if err != nil {
			return nil, err
		}
		codes, err := housecode.New(a.Keyring)
		if err != nil {
			return nil, err
		}
		now := e.Now()
		expires := today(now).AddDate(0, months, 1)
		bar := e.progress("签发户码", "issuing codes")
		issued, err := report.IssueCodes(ctx, a.Warehouse, a.Ledger, codes, now, console(), within, expires, func(done int) { bar.update(int64(done), 0) })
		bar.end(err)
		if err != nil {
			return nil, err
		}
		return &codeIssueDocument{Issued: issued, Division: within, Expires: expires.AddDate(0, 0, -1).Format(time.DateOnly)}, a.Close()
	})
	cmd.Flags().StringVar(&where, "division", "", e.t("行政区划（代码或名称，必需）", "division (code or name, required)"))
	cmd.Flags().IntVar(&months, "months", 36, e.t("有效期，月", "months of validity"))
	return cmd
}

// today is the day of now in its own time zone.
func today(now time.Time) time.Time {
	var d dayFlag
	return d.or(now)
}

// neededDivision is a division that must be given.
func neededDivision(a *app.App, s string) (division.Code, error) {
	if s == "" {
		return 0, usagef("请用 --division 指定行政区划", "name a division with --division")
	}
	return parseDivision(a.Tree, s)
}

// codeSheetDocument is the JSON document of code sheet.
type codeSheetDocument struct {
	housecode.Printed
	Dir     string   `json:"dir"`     // one PDF a village: CODE.pdf
	Missing []string `json:"missing"` // characters that the font lacks, printed as a crossed box
}

func (d *codeSheetDocument) text(w *page) {
	w.linef(w.t("%d 个村，%d 张卡，%d 张 A4 纸，在 %s。请用原尺寸（100%%）打印", "%d villages, %d cards, %d sheets of A4, in %s. Print at actual size (100 %%)"), d.Villages, d.Cards, d.Sheets, d.Dir)
	for _, c := range d.Missing {
		w.linef(w.t("注意：字体里没有 %s，印成了叉框", "note: the font lacks %s, a crossed box is printed"), c)
	}
}

type codeSheetOptions struct{ division, out, base, hotline string }

func newCodeSheetCommand(e *env) *cobra.Command {
	var o codeSheetOptions
	cmd := e.command("sheet", words{
		zh: "把户码印成卡片：每村一个 PDF，A4 每张十卡", en: "print codes as cards: one PDF a village, ten cards a sheet of A4",
		longZH:  "按户编号顺序排印行政区划内全部有效户码，卡片 85.6 × 54 毫米，带裁切标记。--base 是扫码打开的网址，设置一次后记住。",
		longEN:  "Prints all codes in force within the division in the order of household numbers, as cards of 85.6 × 54 mm with crop marks. --base is the address that a scan opens; it is remembered.",
		example: "shouwang code sheet --data ./county --division 西山镇 --base https://sw.example.gov.cn/c --out ./cards",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runCodeSheet(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.division, "division", "", e.t("行政区划（代码或名称，必需）", "division (code or name, required)"))
	f.StringVar(&o.out, "out", "", e.t("写到这个文件夹（必需）", "folder to write to (required)"))
	f.StringVar(&o.base, "base", "", e.t("扫码打开的网址（第一次必需）", "address that a scan opens (required the first time)"))
	f.StringVar(&o.hotline, "hotline", "12317", e.t("卡上的咨询电话", "telephone number on the card"))
	return cmd
}

func runCodeSheet(ctx context.Context, e *env, o codeSheetOptions) (result, error) {
	if o.out == "" {
		return nil, usagef("请用 --out 指定要写入的文件夹", "name the folder to write to with --out")
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	within, err := neededDivision(a, o.division)
	if err != nil {
		return nil, err
	}
	codes, err := housecode.New(a.Keyring)
	if err != nil {
		return nil, err
	}
	base := o.base
	if err := a.Ledger.Write(ctx, e.Now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		if o.base != "" {
			return codes.SetBase(ctx, tx, console(), o.base)
		}
		base, err = codes.Base(ctx, tx)
		return err
	}); err != nil {
		return nil, err
	}
	if base == "" {
		return nil, usagef("请用 --base 指定扫码打开的网址，以后会记住", "name the address that a scan opens with --base; it is remembered")
	}
	font, err := paper.OpenFont()
	if err != nil {
		return nil, err
	}
	dir := e.path(o.out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法建立文件夹 "+o.out, "cannot make the folder "+o.out)
	}
	print := housecode.Print{Base: base, Hotline: o.hotline, Font: font, Place: func(c division.Code) (above, village string) {
		town := c.At(division.Township)
		return a.Tree.Name(town.At(division.County)) + " " + a.Tree.Name(town), a.Tree.Name(c)
	}}
	printed, err := codes.Sheets(ctx, a.Ledger, e.Now(), console(), within, print, func(v division.Code) (io.WriteCloser, error) {
		name := v.String() + ".pdf"
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "无法写文件 "+name, "cannot write the file "+name)
		}
		return f, nil
	})
	if err != nil {
		return nil, err
	}
	d := &codeSheetDocument{Printed: printed, Dir: o.out, Missing: []string{}}
	for _, r := range printed.Missing {
		d.Missing = append(d.Missing, string(r))
	}
	return d, a.Close()
}

// codeCheckDocument is the JSON document of code check.
type codeCheckDocument struct {
	Verdict housecode.Verdict `json:"verdict"` // valid, not_a_code, truncated, tampered, unknown_key, not_yet, expired, revoked, replaced, unissued
	Text    string            `json:"text"`    // in the user's language
	Offline bool              `json:"offline"` // judged by a list of keys alone
	ID      string            `json:"id,omitempty"`
	Village division.Code     `json:"village,omitempty"`
	Serial  int               `json:"serial,omitempty"`
	Issued  time.Time         `json:"issued,omitzero"`
	Expires time.Time         `json:"expires,omitzero"`
	No      string            `json:"household_no,omitempty"`
}

func (d *codeCheckDocument) rejected() bool { return d.Verdict != housecode.Valid }

func (d *codeCheckDocument) text(w *page) {
	w.linef("%s", d.Text)
	if d.Village != 0 {
		w.linef(w.t("村 %s，第 %d 张卡，有效期至 %s", "village %s, card %d, valid until %s"), d.Village, d.Serial, d.Expires.AddDate(0, 0, -1).Format(time.DateOnly))
	}
	if d.No != "" {
		w.linef(w.t("户 %s", "household %s"), d.No)
	}
}

func newCodeCheckCommand(e *env) *cobra.Command {
	var keys string
	cmd := e.command("check TEXT", words{
		zh: "查验一个户码", en: "check a code",
		longZH:  "查验扫码得到的网址或文字：有效、不完整、被改动、密钥不明、过期、作废、已换发。用 --keys 时只凭公钥名单，不需要数据文件夹。有效退出码为 0，否则为 3。",
		longEN:  "Judges a scanned address or text: valid, cut off, altered, of an unknown key, expired, revoked, replaced. With --keys it needs the list of public keys only and no data folder. Exit code 0 when valid, else 3.",
		example: "shouwang code check --keys keys.json HTTPS://SW.EXAMPLE.GOV.CN/C/…\nshouwang code check --data ./county HTTPS://SW.EXAMPLE.GOV.CN/C/…",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runCodeCheck(ctx, e, args[0], keys) })
	cmd.Flags().StringVar(&keys, "keys", "", e.t("公钥名单（code key export 导出的文件）", "list of keys (a file of code key export)"))
	return cmd
}

func runCodeCheck(ctx context.Context, e *env, text, keys string) (result, error) {
	d := &codeCheckDocument{Offline: keys != ""}
	if keys != "" {
		file, err := os.ReadFile(e.path(keys))
		if err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "无法读取公钥名单 "+keys, "cannot read the list of keys "+keys)
		}
		list, err := housecode.ReadKeyList(bytes.TrimSpace(file))
		if err != nil {
			return nil, err
		}
		t, v := list.Check(text, e.Now())
		d.Verdict, d.Text = v, v.In(e.lang)
		if t.Village != 0 {
			d.ID, d.Village, d.Serial, d.Issued, d.Expires = t.ID.String(), t.Village, t.Serial, t.Issued, t.Expires
		}
		return d, nil
	}
	return d, withCodes(ctx, e, func(ctx context.Context, _ *app.App, codes *housecode.Codes, tx *ledger.Tx) error {
		v, err := codes.Open(ctx, tx, housecode.Viewer{Actor: console()}, text)
		*d = codeCheckDocument{Verdict: v.Verdict, Text: v.Verdict.In(e.lang), ID: v.ID, Village: v.Village, Serial: v.Serial, Issued: v.Issued, Expires: v.Expires, No: v.HouseholdNo}
		return err
	})
}

// codeDocument is the JSON document of code show, code reprint and code revoke.
type codeDocument struct {
	No    string           `json:"household_no"`
	Codes []housecode.Code `json:"codes"` // the newest first
}

func (d *codeDocument) text(w *page) {
	if len(d.Codes) == 0 {
		w.linef("%s", w.t("这一户还没有户码", "this household has no code yet"))
		return
	}
	states := map[housecode.State]string{housecode.Active: w.t("有效", "in force"), housecode.WasReplaced: w.t("已换发", "replaced"), housecode.WasRevoked: w.t("已作废", "revoked")}
	var rows [][]string
	for _, c := range d.Codes {
		id, err := housecode.ParseID(c.ID)
		shown := c.ID
		if err == nil {
			shown = id.String()
		}
		rows = append(rows, []string{shown, strconv.Itoa(c.Serial), c.Issued.Go().Format(time.DateOnly), c.Expires.Go().AddDate(0, 0, -1).Format(time.DateOnly), states[c.State], c.Reason})
	}
	w.table([]string{w.t("编号", "id"), w.t("第几张", "card"), w.t("签发", "issued"), w.t("有效期至", "valid until"), w.t("状态", "state"), w.t("理由", "reason")}, rows)
}

// ofHousehold runs fn for the household of a number.
func ofHousehold(ctx context.Context, e *env, no string, fn func(context.Context, *housecode.Codes, *ledger.Tx, registry.Household) error) error {
	return withCodes(ctx, e, func(ctx context.Context, a *app.App, codes *housecode.Codes, tx *ledger.Tx) error {
		conn, err := a.Warehouse.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		h, err := registry.ByHouseholdNo(ctx, conn, no)
		if err != nil {
			return err
		}
		return fn(ctx, codes, tx, h)
	})
}

func newCodeShowCommand(e *env) *cobra.Command {
	return e.command("show NO", words{
		zh: "列出一户的全部户码", en: "list all codes of a household",
		longZH: "按户编号列出一户签发过的全部户码，新的在前。", longEN: "Lists all codes that a household has had, by its number, the newest first.",
		example: "shouwang code show --data ./county 5226330010001",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		d := codeDocument{No: args[0]}
		return &d, ofHousehold(ctx, e, args[0], func(ctx context.Context, codes *housecode.Codes, tx *ledger.Tx, h registry.Household) (err error) {
			d.No = h.No
			d.Codes, err = codes.OfHousehold(ctx, tx, console(), h.ID)
			return err
		})
	})
}

func newCodeReprintCommand(e *env) *cobra.Command {
	var reason string
	var months int
	cmd := e.command("reprint NO", words{
		zh: "换发户码：旧卡作废，新卡序号加一", en: "replace a code: the old card is void, the new one has the next serial number",
		longZH: "卡片遗失或损坏时换发。旧卡扫码会提示已换发。之后用 code sheet 印制。", longEN: "For a card that was lost or damaged. The old card is told as replaced. Print the new one with code sheet.",
		example: "shouwang code reprint --data ./county 5226330010001 --reason 遗失",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		d := codeDocument{No: args[0]}
		return &d, ofHousehold(ctx, e, args[0], func(ctx context.Context, codes *housecode.Codes, tx *ledger.Tx, h registry.Household) error {
			c, err := codes.Reprint(ctx, tx, console(), h.ID, reason, today(e.Now()).AddDate(0, months, 1))
			d.No, d.Codes = h.No, []housecode.Code{c}
			return err
		})
	})
	cmd.Flags().StringVar(&reason, "reason", "", e.t("理由（必需）", "reason (required)"))
	cmd.Flags().IntVar(&months, "months", 36, e.t("旧卡已过期时新卡的有效期，月", "months of validity when the old card has expired"))
	return cmd
}

func newCodeRevokeCommand(e *env) *cobra.Command {
	var reason string
	cmd := e.command("revoke NO", words{
		zh: "作废一户的户码", en: "revoke a household's code",
		longZH: "作废一户的有效户码，不发新卡（如整户迁出、注销）。", longEN: "Revokes a household's code without a new card, as for a household that moved away or died out.",
		example: "shouwang code revoke --data ./county 5226330010001 --reason 整户迁出",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		d := codeDocument{No: args[0]}
		return &d, ofHousehold(ctx, e, args[0], func(ctx context.Context, codes *housecode.Codes, tx *ledger.Tx, h registry.Household) error {
			c, err := codes.Revoke(ctx, tx, console(), h.ID, reason)
			d.No, d.Codes = h.No, []housecode.Code{c}
			return err
		})
	})
	cmd.Flags().StringVar(&reason, "reason", "", e.t("理由（必需）", "reason (required)"))
	return cmd
}

// codeOnceDocument is the JSON document of code once.
type codeOnceDocument struct {
	No      string    `json:"household_no"`
	Digits  string    `json:"digits"`
	Expires time.Time `json:"expires"`
}

func (d *codeOnceDocument) text(w *page) {
	w.linef(w.t("一次性验证码 %s，%s 前有效，只能用一次。请当面或打登记的电话告诉农户本人", "one-time code %s, valid until %s, once. Tell it to the household in person or by the registered phone"), d.Digits, d.Expires.Local().Format("15:04"))
}

func newCodeOnceCommand(e *env) *cobra.Command {
	return e.command("once NO", words{
		zh: "生成农户查看本户信息的一次性验证码", en: "make a one-time code with which a household sees its own page",
		longZH: "生成六位数字，十分钟内有效，只能用一次；答错五次作废，每户每天最多五次。", longEN: "Makes six digits, good for ten minutes and one use; void after five wrong answers; at most five a household and day.",
		example: "shouwang code once --data ./county 5226330010001",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		d := codeOnceDocument{No: args[0]}
		return &d, ofHousehold(ctx, e, args[0], func(ctx context.Context, codes *housecode.Codes, tx *ledger.Tx, h registry.Household) (err error) {
			d.No = h.No
			d.Digits, d.Expires, err = codes.MakeOnce(ctx, tx, console(), h.ID)
			return err
		})
	})
}
