package devnet

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/did-method-plc/go-didplc/didplc"
)

// didDocument is a DID document as the public directory writes it.
type didDocument struct {
	Context            []string                       `json:"@context"`
	ID                 string                         `json:"id"`
	AlsoKnownAs        []string                       `json:"alsoKnownAs"`
	VerificationMethod []didplc.DocVerificationMethod `json:"verificationMethod"`
	Service            []didplc.DocService            `json:"service"`
}

// didData is the answer of GET /{did}/data.
type didData struct {
	DID                 string                      `json:"did"`
	VerificationMethods map[string]string           `json:"verificationMethods"`
	RotationKeys        []string                    `json:"rotationKeys"`
	AlsoKnownAs         []string                    `json:"alsoKnownAs"`
	Services            map[string]didplc.OpService `json:"services"`
}

var contexts = []string{
	"https://www.w3.org/ns/did/v1",
	"https://w3id.org/security/multikey/v1",
	"https://w3id.org/security/suites/secp256k1-2019/v1",
}

func document(did string, entries []*didplc.OpEntry) (any, error) {
	op, err := regular(did, head(entries))
	if err != nil {
		return nil, err
	}
	doc := didDocument{
		Context:            contexts,
		ID:                 did,
		AlsoKnownAs:        op.AlsoKnownAs,
		VerificationMethod: []didplc.DocVerificationMethod{},
		Service:            []didplc.DocService{},
	}
	for _, id := range slices.Sorted(maps.Keys(op.VerificationMethods)) {
		doc.VerificationMethod = append(doc.VerificationMethod, didplc.DocVerificationMethod{
			ID:                 did + "#" + id,
			Type:               "Multikey",
			Controller:         did,
			PublicKeyMultibase: strings.TrimPrefix(op.VerificationMethods[id], "did:key:"),
		})
	}
	for _, id := range slices.Sorted(maps.Keys(op.Services)) {
		s := op.Services[id]
		doc.Service = append(doc.Service, didplc.DocService{ID: "#" + id, Type: s.Type, ServiceEndpoint: s.Endpoint})
	}
	return doc, nil
}

func data(did string, entries []*didplc.OpEntry) (any, error) {
	op, err := regular(did, head(entries))
	if err != nil {
		return nil, err
	}
	return didData{
		DID:                 did,
		VerificationMethods: op.VerificationMethods,
		RotationKeys:        op.RotationKeys,
		AlsoKnownAs:         op.AlsoKnownAs,
		Services:            op.Services,
	}, nil
}

// regular is the content of the newest operation; a tombstone has none.
func regular(did string, op didplc.Operation) (didplc.RegularOp, error) {
	switch op := op.(type) {
	case *didplc.RegularOp:
		return *op, nil
	case *didplc.LegacyOp:
		return op.RegularOp(), nil
	}
	return didplc.RegularOp{}, refusal{http.StatusGone, "DID not available: " + did}
}
