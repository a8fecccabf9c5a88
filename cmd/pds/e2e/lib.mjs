// What the clients share: counted failures, names that exist nowhere else, and
// identities as anybody on the network would resolve them.
import http from 'node:http'
import { AtpAgent } from '@atproto/api'
import { IdResolver } from '@atproto/identity'

export let failures = 0

// check counts what was not as it should be and says so in one line.
export function check(ok, what) {
  if (ok) return
  failures++
  console.error('FAILED', what)
}

export async function refused(promise, name, what) {
  try {
    await promise
    check(false, `${what}: not refused`)
  } catch (err) {
    check(err.error === name, `${what}: ${err.error} instead of ${name} (${err.message})`)
  }
}

// end ends the process with one line, and code 1 when anything failed.
export function end(what) {
  console.log(`${what}, ${failures} failures`)
  process.exit(failures ? 1 : 0)
}

// Names in .test exist nowhere but here: their well-known page is asked from
// the server with the name as Host. Everything else is asked as it is.
export function localFetch(server) {
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : String(input))
    if (!url.hostname.endsWith('.test')) return fetch(input, init)
    return new Promise((resolve, reject) => {
      const at = new URL(url.pathname, server)
      http
        .get(at, { headers: { host: url.hostname } }, (res) => {
          const chunks = []
          res.on('data', (c) => chunks.push(c))
          res.on('end', () => resolve(new Response(Buffer.concat(chunks), { status: res.statusCode, headers: { 'content-type': 'text/plain' } })))
        })
        .on('error', reject)
    })
  }
}

export const resolver = (server, plc) => new IdResolver({ plcUrl: plc, fetch: localFetch(server) })

export async function signUp(server, name, more) {
  const agent = new AtpAgent({ service: server })
  await agent.createAccount({ handle: `${name}.test`, email: `${name}@example.com`, password: `password-${name}`, ...more })
  return agent
}

export const post = (text, more) => ({ $type: 'app.bsky.feed.post', text, createdAt: new Date().toISOString(), ...more })

// all follows the cursors of a listing to its end.
export async function all(list, params, field) {
  const items = []
  let pages = 0
  for (let cursor; ; pages++) {
    const { data } = await list({ ...params, cursor })
    items.push(...data[field])
    cursor = data.cursor
    if (!cursor || data[field].length === 0) return { items, pages: pages + 1 }
  }
}

export const key = (uri) => uri.split('/').pop()
