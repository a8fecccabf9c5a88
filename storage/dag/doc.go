// Package dag is the AT Protocol data model: JSON in, canonical DAG-CBOR out, and back.
package dag
