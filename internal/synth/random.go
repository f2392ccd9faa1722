package synth

import "math"

// rng is SplitMix64: eight bytes of state, so that every household, feed and village has its own stream that
// depends on nothing but the run's seed and its own codes. It is not for secrets.
type rng struct{ state uint64 }

// mix is the SplitMix64 finaliser (Steele, Lea, Flood 2014): a bijection of 64 bits in which every bit moves all.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// derive makes the seed of a sub-stream from a seed and a tag.
func derive(seed, tag uint64) uint64 { return mix(seed ^ mix(tag+0x9e3779b97f4a7c15)) }

func (r *rng) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// unit is uniform in [0, 1).
func (r *rng) unit() float64 { return float64(r.next()>>11) * (1.0 / (1 << 53)) }

// below is uniform in 0 … n−1; n must be positive.
func (r *rng) below(n int) int { return int((r.next() >> 32) * uint64(n) >> 32) }

// between is uniform in lo … hi, both included.
func (r *rng) between(lo, hi int) int {
	if hi <= lo {
		return lo
	}
	return lo + r.below(hi-lo+1)
}

// within is uniform in [lo, hi).
func (r *rng) within(lo, hi float64) float64 { return lo + (hi-lo)*r.unit() }

// chance is true with probability p.
func (r *rng) chance(p float64) bool { return r.unit() < p }

// normal is standard normal (Box and Muller's cosine branch).
func (r *rng) normal() float64 {
	u := 1 - r.unit()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*r.unit())
}

// lognormal has the given median and sigma of the logarithm.
func (r *rng) lognormal(median, sigma float64) float64 { return median * math.Exp(sigma*r.normal()) }

// pick draws an index with the given weights.
func (r *rng) pick(weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := r.unit() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}
