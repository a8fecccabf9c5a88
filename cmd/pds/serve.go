package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serveCommand is `pds serve`.
type serveCommand struct {
	EnvFile  string            `help:"File of PDS_* names, NAME=value a line. The environment goes before it, flags before both." type:"existingfile"`
	Port     int               `help:"PDS_PORT."`
	Hostname string            `help:"PDS_HOSTNAME."`
	Data     string            `help:"PDS_DATA_DIRECTORY." type:"path"`
	Set      map[string]string `help:"Any other setting, NAME=value; repeatable." mapsep:"none"`
}

// Run serves until a signal ends it.
func (c *serveCommand) Run(ctx context.Context) error {
	s, err := newSettings(c.overrides(), os.Environ(), c.EnvFile)
	if err != nil {
		return err
	}
	config, err := readConfig(s)
	if err != nil {
		return err
	}
	logger := newLogger(os.Getenv("LOG_LEVEL"))
	if names := s.unread(); len(names) > 0 {
		logger.Info("settings without effect in this version", "names", strings.Join(names, " "))
	}
	tradeMemory()
	server, err := NewServer(ctx, config, Extra{}, logger)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", config.Address)
	if err != nil {
		server.closer.closeAll(ctx)
		return fmt.Errorf("PDS_PORT: %w", err)
	}
	stop, err := serveMetrics(config.Metrics, logger)
	if err != nil {
		server.closer.closeAll(ctx)
		return err
	}
	defer stop()
	return server.Run(ctx, l)
}

// tradeMemory lets the heap grow to three times what lives in it before it is
// collected, unless GOGC says otherwise: a tenth of the processor time for some
// tens of megabytes under load. GOMEMLIMIT bounds it as ever.
func tradeMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

func (c *serveCommand) overrides() map[string]string {
	all := map[string]string{}
	for k, v := range c.Set {
		all[k] = v
	}
	if c.Port != 0 {
		all["PDS_PORT"] = strconv.Itoa(c.Port)
	}
	if c.Hostname != "" {
		all["PDS_HOSTNAME"] = c.Hostname
	}
	if c.Data != "" {
		all["PDS_DATA_DIRECTORY"] = c.Data
	}
	return all
}

// newLogger writes JSON lines to standard error.
func newLogger(level string) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: l}))
}

// serveMetrics answers /metrics and /debug/pprof/ on a listener of its own, so
// that they are never public by accident. "" is none.
func serveMetrics(address string, logger *slog.Logger) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("PDS_METRICS_ADDRESS: %w", err)
	}
	mux := nethttp.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &nethttp.Server{Handler: mux}
	go server.Serve(l)
	logger.Info("metrics", "address", l.Addr())
	return func() { server.Close() }, nil
}
