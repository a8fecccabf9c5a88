package xrpc

import (
	"fmt"
	"reflect"
	"time"
)

// Rate is one bound on how often a method is called: whoever By names has Points in a Window, and a call takes Cost of
// them. Routes only say so; the limiter behind Options.Limit keeps the count.
type Rate struct {
	Points int64
	Window time.Duration
	By     RateKey
	Bucket string // routes that name the same one take from the same points; "": the route's own
	Cost   int64  // of a call; 0: its input says (see RateCoster)
	Alone  bool   // calls do not count in the server's bound for all methods
}

// RateKey says who has the points of a Rate.
type RateKey int

const (
	RateByClient     RateKey = iota // the client's address
	RateByAccount                   // the account that the credential is of
	RateByName                      // the name that somebody signs in with
	RateByNameClient                // that name, from that address
)

// RateSubject is a credential of an account: RateByAccount counts by it.
type RateSubject interface{ RateDID() string }

// RateName is an input that carries the name somebody signs in with, written in one way.
type RateName interface{ RateName() string }

// RateCoster is an input of which the number of points depends.
type RateCoster interface{ RateCost() int64 }

// Rates adds bounds to a route.
func Rates(rates ...Rate) Option {
	return func(r *Route) { r.Rates = append(r.Rates, rates...) }
}

// checkRates sees that what the rates count by is there: a bound that finds nobody to count would bound nobody.
func (r *Route) checkRates() error {
	in := r.input
	if in == nil {
		in = r.params
	}
	for _, rate := range r.Rates {
		switch {
		case rate.Points < 1 || rate.Window < time.Second || rate.Cost < 0 || rate.Cost > rate.Points:
			return fmt.Errorf("a rate of %d points in %v, %d a call", rate.Points, rate.Window, rate.Cost)
		case rate.By == RateByAccount && (r.who == nil || !r.who.Implements(reflect.TypeFor[RateSubject]())):
			return fmt.Errorf("a rate by account, and %v is not of one", r.who)
		case (rate.By == RateByName || rate.By == RateByNameClient) && !implements[RateName](in):
			return fmt.Errorf("a rate by name, and %v has none", in)
		case rate.Cost == 0 && !implements[RateCoster](in):
			return fmt.Errorf("a rate without a cost, and %v has none", in)
		}
	}
	return nil
}

// implements reports whether a type does, or its pointer, as which inputs travel.
func implements[I any](t reflect.Type) bool {
	return t != nil && (t.Implements(reflect.TypeFor[I]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[I]()))
}
