package web

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// ssoProvider is a small OpenID provider. It gives whoever comes with the code "good" the login and nonce that it was told.
func ssoProvider(t *testing.T, login string, nonce *string) *httptest.Server {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var server *httptest.Server
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": server.URL, "authorization_endpoint": server.URL + "/auth", "token_endpoint": server.URL + "/token", "jwks_uri": server.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("code") != "good" || r.PostFormValue("code_verifier") == "" {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		claims, _ := json.Marshal(map[string]any{"iss": server.URL, "aud": "shouwang", "sub": "17", "nonce": *nonce, "preferred_username": login,
			"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()})
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		signed, err := signer.Sign(claims)
		if err != nil {
			t.Error(err)
			return
		}
		token, _ := signed.CompactSerialize()
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token})
	})
	server = httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestSingleSignOn(t *testing.T) {
	nonce := ""
	provider := ssoProvider(t, "sso-zhang", &nonce)
	s := newSite(t, func(c *Config) {
		c.SSO = &account.SSOConfig{Issuer: provider.URL, ClientID: "shouwang", RedirectURL: "https://county.example" + SSOBack}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	// get gives the status and where the answer leads; nil: nowhere.
	get := func(path string) (status int, to *url.URL) {
		t.Helper()
		r, err := browser.Get(s.http.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		to, _ = r.Location() // an answer that leads nowhere has none
		return r.StatusCode, to
	}
	begin := func() url.Values {
		t.Helper()
		status, to := get("/sign-in/sso?back=%2Fhelp")
		if to == nil || status != http.StatusSeeOther || !strings.HasPrefix(to.String(), provider.URL+"/auth?") || to.Query().Get("redirect_uri") != "https://county.example"+SSOBack {
			t.Fatalf("%d %v", status, to)
		}
		nonce = to.Query().Get("nonce")
		return to.Query()
	}
	if status, _ := get("/sign-in"); status != http.StatusOK {
		t.Errorf("sign-in page: %d", status)
	}
	// Nobody gets an account by signing in.
	if status, _ := get(SSOBack + "?code=good&state=" + begin().Get("state")); status != statusOf(errs.Refused) {
		t.Errorf("without an account: %d", status)
	}
	err = s.app.Ledger.Write(t.Context(), today, func(ctx context.Context, tx *ledger.Tx) error {
		_, _, err := s.app.Accounts().Create(ctx, tx, account.SystemActor("test"), account.Staff{Login: "sso-zhang", Name: "张三", Org: "522633105209", Roles: []account.Role{account.Village}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	state := begin().Get("state")
	for _, bad := range []string{"?code=bad&state=" + state, "?code=good&state=x", "?code=good&state=" + state, ""} { // each takes the cookie with it
		if status, _ := get(SSOBack + bad); status != statusOf(errs.Refused) {
			t.Errorf("%q: %d", bad, status)
		}
	}
	if status, to := get(SSOBack + "?code=good&state=" + begin().Get("state")); to == nil || to.Path != "/help" {
		t.Fatalf("%d %v", status, to)
	}
	if status, _ := get("/warnings"); status != http.StatusOK {
		t.Errorf("signed in: %d", status)
	}
}
