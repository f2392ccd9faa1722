package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"shouwang/internal/account"
	"shouwang/internal/api"
	"shouwang/internal/app"
	"shouwang/internal/config"
	"shouwang/internal/errs"
	"shouwang/internal/jobs"
	"shouwang/internal/relay"
	"shouwang/internal/web"
)

type serveOptions struct {
	listen  string
	cert    string
	key     string
	proxies []string

	sso       account.SSOConfig
	ssoSecret string // file
	ssoURL    string // of this program, as browsers see it

	mapFile, mapNumber string
	development        bool
	// another is where to listen when listen is taken; "" = nowhere
	another string
}

// serveDocument is the JSON document of serve, printed when it is ready to answer.
type serveDocument struct {
	URL    string `json:"url"`    // where it answers
	Data   string `json:"data"`   // the data folder
	Socket string `json:"socket"` // where it takes command lines
	PID    int    `json:"pid"`    // of the server's process
}

func newServeCommand(e *env) *cobra.Command {
	var o serveOptions
	cmd := e.command("serve", words{
		zh: "启动服务", en: "run the server",
		longZH: `打开数据文件夹，提供网页和接口（见 docs/openapi.yaml），直到收到 SIGINT 或 SIGTERM。就绪后在标准输出打印地址，访问日志写在标准错误（JSON，不含个人信息）。
服务运行期间，其他需要这个数据文件夹的命令自动交给它执行。不写证书时只应监听本机地址，对外请用 TLS 或放在反向代理后面。`,
		longEN: `Opens the data folder and answers pages and the interface (docs/openapi.yaml) until SIGINT or SIGTERM. When it is ready it prints its address on standard output; the access log goes to standard
error (JSON, without personal data). While it runs, other verbs that need this data folder are run by it. Without a certificate let it listen on this machine only: use TLS, or put a reverse proxy before it.`,
		example: "shouwang serve --data ./county\nshouwang serve --data ./county --listen :8443 --tls-cert cert.pem --tls-key key.pem",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return nil, runServe(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", e.t("监听地址；端口 0 为任意空闲端口", "address to listen on; port 0 is any free one"))
	f.StringVar(&o.cert, "tls-cert", "", e.t("TLS 证书链（PEM）", "TLS certificate chain (PEM)"))
	f.StringVar(&o.key, "tls-key", "", e.t("TLS 私钥（PEM）", "TLS private key (PEM)"))
	f.StringArrayVar(&o.proxies, "proxy", nil, e.t("可信的反向代理的地址或网段，可多次", "address or network of a trusted reverse proxy, may be repeated"))
	f.StringVar(&o.sso.Issuer, "sso-issuer", "", e.t("单点登录（OpenID Connect）服务的地址", "address of the single sign-on provider (OpenID Connect)"))
	f.StringVar(&o.sso.ClientID, "sso-client", "", e.t("本系统在单点登录服务中的编号", "this program's client id at the provider"))
	f.StringVar(&o.ssoSecret, "sso-secret-file", "", e.t("文件：第一行是单点登录的密钥", "file whose first line is the client secret"))
	f.StringVar(&o.ssoURL, "sso-url", "", e.t("浏览器访问本系统的地址（https://…），单点登录后回到这里", "this program's address as browsers see it (https://…), where the provider sends them back to"))
	f.StringVar(&o.sso.LoginClaim, "sso-claim", "preferred_username", e.t("哪个声明是登录名", "which claim is the login"))
	f.StringVar(&o.mapFile, "map", "", e.t("县界轮廓文件（GeoJSON，每个图形有 code 和 name；默认内置示意图）", "outlines of counties (GeoJSON whose features have code and name; default the built-in sketch)"))
	f.StringVar(&o.mapNumber, "map-number", "", e.t("地图的审图号；不写时每张地图都注明是示意图", "number of the reviewed map; without it every map says that it is a sketch"))
	f.BoolVar(&o.development, "development", false, e.t("开放 /dev/storybook（页面样例）", "open /dev/storybook (samples of the pages)"))
	return cmd
}

// stopJobs is how long running jobs may take to end; then they are stopped, and run again after the next start.
const stopJobs = 10 * time.Second

func runServe(ctx context.Context, e *env, o serveOptions) (err error) {
	if e.Lent != nil {
		return errs.New(errs.Refused, "服务里不能再启动服务", "a server is not started inside a server")
	}
	if (o.cert == "") != (o.key == "") {
		return usagef("--tls-cert 和 --tls-key 要一起写", "--tls-cert and --tls-key go together")
	}
	proxies, err := parseProxies(o.proxies)
	if err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return usagef("--listen 应写成 地址:端口，不是 %[1]q", "--listen must be ADDRESS:PORT, not %[1]q", o.listen)
	}
	var certs *tls.Config
	if o.cert != "" {
		if certs, err = api.TLS(o.cert, o.key); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewJSONHandler(e.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	a, err := app.New(e.config, log)
	if err != nil {
		return err
	}
	if err := a.Open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.UsePolicy(ctx, e.Now()); err != nil {
		return err
	}
	lines, err := relay.Listen(a.Config.Socket())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lines.Close()) }()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil && o.another != "" {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", o.another)
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法监听 "+o.listen, "cannot listen on "+o.listen)
	}
	s := &serving{env: e, options: o, proxies: proxies, at: l.Addr()}
	first, err := s.begin(ctx, a)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, s.stop(context.WithoutCancel(ctx))) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return lines.Serve(ctx, s.lend()) })
	group.Go(func() error {
		defer lines.Close() // no new command lines; those that run are stopped by ctx
		return first.Serve(ctx, l, certs)
	})
	group.Go(func() error { return s.follow(ctx, first) })
	scheme := "http://"
	if certs != nil {
		scheme = "https://"
	}
	if err := e.show(&serveDocument{URL: scheme + l.Addr().String(), Data: a.Config.Data, Socket: a.Config.Socket(), PID: os.Getpid()}); err != nil {
		stop()
		return errors.Join(err, group.Wait())
	}
	return group.Wait()
}

// pages are the pages of the program. The folder of a demo has accounts that sign in with one click, without a second factor: on this machine only.
func (o serveOptions) pages(e *env, a *app.App, queue *jobs.Queue, at net.Addr) (*web.Server, error) {
	folder, err := config.ReadFolder(a.Config.Data)
	if err != nil {
		return nil, err
	}
	tcp, ok := at.(*net.TCPAddr)
	demo := folder.Demo && ok && tcp.IP.IsLoopback()
	if demo {
		a.SetAccounts(account.Options{SecondFactor: []account.Role{}})
	}
	mapFile := o.mapFile
	if mapFile != "" {
		mapFile = e.path(mapFile)
	}
	sso, err := o.singleSignOn(e)
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{App: a, Jobs: queue, Now: e.Now, Log: a.Log, MapFile: mapFile, MapNumber: o.mapNumber, Development: o.development, Demo: demo, SSO: sso})
}

// singleSignOn reads the settings of single sign-on; nil when it is not set.
func (o serveOptions) singleSignOn(e *env) (*account.SSOConfig, error) {
	if o.sso.Issuer == "" && o.sso.ClientID == "" && o.ssoURL == "" && o.ssoSecret == "" {
		return nil, nil
	}
	back, err := url.Parse(o.ssoURL)
	if o.sso.Issuer == "" || o.sso.ClientID == "" || err != nil || back.Host == "" || back.Scheme != "https" && back.Scheme != "http" {
		return nil, usagef("单点登录要同时写 --sso-issuer、--sso-client 和 --sso-url（https://…）", "single sign-on needs --sso-issuer, --sso-client and --sso-url (https://…)")
	}
	c := o.sso
	c.RedirectURL = strings.TrimSuffix(o.ssoURL, "/") + web.SSOBack
	if o.ssoSecret != "" {
		text, err := os.ReadFile(e.path(o.ssoSecret))
		if err != nil {
			return nil, errs.Newf(errs.NotFound, "无法读取文件 %[1]s", "cannot read the file %[1]s", o.ssoSecret)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		c.ClientSecret = strings.TrimSpace(line)
	}
	return &c, nil
}

func parseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, addrErr := netip.ParseAddr(strings.TrimSpace(s))
			if addrErr != nil {
				return nil, usagef("--proxy 应为地址或网段，不是 %[1]q", "--proxy must be an address or a network, not %[1]q", s)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

func (d *serveDocument) text(w *page) {
	w.linef(w.t("服务已就绪：%s（数据 %s，进程 %d）。停止请按 Ctrl-C", "ready: %s (data %s, process %d); Ctrl-C stops it"), d.URL, d.Data, d.PID)
}
