package relay

import "testing"

// TestWhoMayCall: the server's own account and root, nobody else.
func TestWhoMayCall(t *testing.T) {
	for _, c := range []struct {
		caller, server int
		ok             bool
	}{{1000, 1000, true}, {0, 1000, true}, {1001, 1000, false}, {1000, 0, false}, {0, 0, true}} {
		if err := permit(c.caller, c.server); (err == nil) != c.ok {
			t.Errorf("caller %d, server %d: %v", c.caller, c.server, err)
		}
	}
}
