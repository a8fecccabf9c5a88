package oauth

import (
	"errors"
	"log/slog"
	nethttp "net/http"

	"github.com/labstack/echo/v4"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/http/dpop"
	"troupe/http/oauth/client"
)

// problem is an error as OAuth writes it (RFC 6749 §5.2).
type problem struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func invalidRequest(description string) error {
	return client.Refusal{Code: "invalid_request", Description: description}
}

// tooLarge refuses a body.
var errTooLarge = errors.New("oauth: body is too large")

// say is what an app is told about an error.
func say(err error) (status int, p problem) {
	var refusal client.Refusal
	var refused account.AppRefused
	var proof dpop.Invalid
	switch {
	case errors.As(err, &refusal):
		return nethttp.StatusBadRequest, problem{refusal.Code, refusal.Description}
	case errors.As(err, &refused):
		return nethttp.StatusBadRequest, problem{refused.Code, refused.Description}
	case errors.Is(err, dpop.ErrNonce):
		return nethttp.StatusBadRequest, problem{"use_dpop_nonce", "Authorization server requires nonce in DPoP proof"}
	case errors.As(err, &proof):
		return nethttp.StatusBadRequest, problem{"invalid_dpop_proof", proof.Message}
	case errors.Is(err, errTooLarge):
		return nethttp.StatusRequestEntityTooLarge, problem{"invalid_request", "The request body is too large"}
	case errors.Is(err, mailbox.ErrBusy), errors.Is(err, mailbox.ErrExpired), errors.Is(err, mailbox.ErrStopped):
		return nethttp.StatusServiceUnavailable, problem{"temporarily_unavailable", "The server is busy"}
	}
	return nethttp.StatusInternalServerError, problem{"server_error", "Server error"}
}

func (s *Server) refuse(c echo.Context, err error) error {
	status, p := say(err)
	switch status {
	case nethttp.StatusInternalServerError:
		s.Logger.Error("oauth", slog.String("path", c.Path()), slog.Any("error", err))
	case nethttp.StatusServiceUnavailable:
		c.Response().Header().Set("Retry-After", "1")
	}
	return c.JSON(status, p)
}
