package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows one piece of long work on standard error: a bar on a terminal, else one line when it is done. It never
// touches standard output.
type progress struct {
	e     *env
	label string
	began time.Time

	mu   sync.Mutex
	pool *mpb.Progress
	bar  *mpb.Bar
	done int64
}

// progress starts showing work under a label. The caller must call end.
func (e *env) progress(zh, en string) *progress {
	p := &progress{e: e, label: e.t(zh, en), began: e.Now()}
	if e.Terminal && !e.quiet {
		p.pool = mpb.New(mpb.WithOutput(e.Stderr), mpb.WithWidth(40))
		p.bar = p.pool.AddBar(0,
			mpb.PrependDecorators(decor.Name(p.label, decor.WC{C: decor.DindentRight | decor.DextraSpace})),
			mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Name(" "), decor.Elapsed(decor.ET_STYLE_GO)))
	}
	return p
}

// update says how much is done; it may be called from any goroutine. A total of 0 is not known yet.
func (p *progress) update(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done < p.done {
		return
	}
	p.done = done
	if p.bar != nil {
		p.bar.SetTotal(total, false)
		p.bar.SetCurrent(done)
	}
}

// end finishes the bar or writes the line.
func (p *progress) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.bar != nil && err != nil:
		p.bar.Abort(false)
		p.pool.Wait()
	case p.bar != nil:
		p.bar.SetTotal(max(p.done, 1), false)
		p.bar.SetCurrent(max(p.done, 1))
		p.bar.SetTotal(-1, true)
		p.pool.Wait()
	case !p.e.quiet && err == nil:
		fmt.Fprintf(p.e.Stderr, "%s  %.1f s\n", p.label, p.e.Now().Sub(p.began).Seconds())
	}
}
