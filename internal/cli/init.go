package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"
)

// initDocument is the JSON document of init.
type initDocument struct {
	Data       string `json:"data"`        // the data folder
	Keyring    string `json:"keyring"`     // the keyring file
	NewKeyring bool   `json:"new_keyring"` // false: an existing one is used
	Pack       string `json:"pack"`        // id of the pack
	PackHash   string `json:"pack_hash"`   // SHA-256 of the pack, hex
}

func newInitCommand(e *env) *cobra.Command {
	return e.command("init", words{
		zh: "建立数据文件夹和密钥", en: "make a data folder and its keys",
		longZH: `建立空的数据文件夹，并在它旁边（不在里面）生成密钥文件。已有的密钥文件会照用，不会覆盖。
请把密钥文件另行备份：没有它，数据无法解密；它和数据放在一起，就等于没有加密。
用 --pack 指定的政策包会记在数据文件夹里，以后的命令都用它。`,
		longEN: `Makes an empty data folder and, beside it (never in it), its keyring. A keyring that exists is used, never overwritten.
Keep a copy of the keyring elsewhere: without it the data cannot be read, and next to the data it protects nothing.
A pack named with --pack is noted in the data folder and used by every later command.`,
		example: "shouwang init --data ./county\nshouwang init --data ./county --keyring /media/usb/county.keyring --pack ./my-pack",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runInit(ctx, e) })
}

func runInit(ctx context.Context, e *env) (*initDocument, error) {
	a, err := e.app()
	if err != nil {
		return nil, err
	}
	_, statErr := os.Stat(a.Config.Keyring)
	if err := a.Create(ctx, e.Now(), false); err != nil {
		return nil, err
	}
	return &initDocument{
		Data: a.Config.Data, Keyring: a.Config.Keyring, NewKeyring: statErr != nil, Pack: a.Pack.Name, PackHash: a.Pack.Hash,
	}, a.Close()
}

func (d *initDocument) text(w *page) {
	w.linef("%s %s", w.t("数据文件夹：", "data folder:"), d.Data)
	if d.NewKeyring {
		w.linef("%s %s %s", w.t("密钥文件：", "keyring:"), d.Keyring, w.t("（新生成，请另行备份）", "(new: keep a copy elsewhere)"))
	} else {
		w.linef("%s %s %s", w.t("密钥文件：", "keyring:"), d.Keyring, w.t("（沿用已有的）", "(used as it was)"))
	}
	w.linef("%s %s", w.t("政策包：", "policy pack:"), d.Pack)
	w.linef("%s", w.t("下一步：shouwang intake --data "+d.Data+" <部门文件或文件夹>", "next: shouwang intake --data "+d.Data+" <files or folders>"))
}
