package rate

import (
	"time"

	"troupe/http/xrpc"
)

// Window is so many points in so much time.
type Window struct {
	Points int64
	Time   time.Duration
}

// Per5Min, PerHour and PerDay are the windows that are in use.
func Per5Min(points int64) Window { return Window{points, 5 * time.Minute} }
func PerHour(points int64) Window { return Window{points, time.Hour} }
func PerDay(points int64) Window  { return Window{points, 24 * time.Hour} }

// Global is what a client address has for all methods together.
var Global = Per5Min(3000)

// ByClient bounds the calls of a client address.
func ByClient(w ...Window) xrpc.Option { return calls(xrpc.RateByClient, w) }

// ByAccount bounds the calls with credentials of one account.
func ByAccount(w ...Window) xrpc.Option { return calls(xrpc.RateByAccount, w) }

// ByName bounds the attempts to sign in with one name, from wherever.
func ByName(w ...Window) xrpc.Option { return calls(xrpc.RateByName, w) }

// ByNameAndClient bounds the attempts to sign in with one name from one address.
func ByNameAndClient(w ...Window) xrpc.Option { return calls(xrpc.RateByNameClient, w) }

// Alone bounds the calls of a client address to a method that does not count in Global.
func Alone(w Window) xrpc.Option {
	return xrpc.Rates(xrpc.Rate{Points: w.Points, Window: w.Time, Cost: 1, Alone: true})
}

func calls(by xrpc.RateKey, windows []Window) xrpc.Option {
	var rates []xrpc.Rate
	for _, w := range windows {
		rates = append(rates, xrpc.Rate{Points: w.Points, Window: w.Time, By: by, Cost: 1})
	}
	return xrpc.Rates(rates...)
}

// What an account may write. One that writes more than this makes relays slow down the whole server.
var (
	writesHour = PerHour(5000)
	writesDay  = PerDay(35000)
)

// Points of a write.
const (
	CreateCost = 3
	UpdateCost = 2
	DeleteCost = 1
)

// Writes takes points of an account's writes, which all methods that write records share.
func Writes(points int64) xrpc.Option {
	return xrpc.Rates(
		xrpc.Rate{Points: writesHour.Points, Window: writesHour.Time, By: xrpc.RateByAccount, Bucket: "repo-write-hour", Cost: points},
		xrpc.Rate{Points: writesDay.Points, Window: writesDay.Time, By: xrpc.RateByAccount, Bucket: "repo-write-day", Cost: points},
	)
}

// EachWrite is Writes for a batch, whose input says what its writes cost.
func EachWrite() xrpc.Option { return Writes(0) }
