// Read after write, preferences and what is passed on, as the TypeScript agent sees them: an app view
// that has seen nothing since a moment, and a server in front of it.
//
//	node appview.mjs view PORT              the app view
//	node appview.mjs check SERVER VIEW      the client, and what the app view is to answer
import http from 'node:http'
import { AtpAgent } from '@atproto/api'
import { check, end, post, refused, signUp } from './lib.mjs'

const [mode, where, view] = process.argv.slice(2)
if (mode === 'view') serve(Number(where))
else await client(where, view)

// serve answers each method with what was put to /answers, a JSON object by method.
function serve(port) {
  let answers = {}
  http
    .createServer(async (req, res) => {
      const chunks = []
      for await (const c of req) chunks.push(c)
      const path = new URL(req.url, 'http://x').pathname
      if (path === '/answers') {
        answers = JSON.parse(Buffer.concat(chunks).toString())
        return res.end()
      }
      const { status = 501, rev, body = { error: 'MethodNotImplemented' } } = answers[path.slice('/xrpc/'.length)] ?? {}
      res.writeHead(status, { 'content-type': 'application/json', ...(rev && { 'atproto-repo-rev': rev }) })
      res.end(JSON.stringify(body))
    })
    .listen(port, '127.0.0.1')
}

async function client(server, view) {
  const name = `raw-${Date.now().toString(36)}`
  const alice = await signUp(server, name)
  const bob = await signUp(server, `${name}-b`)
  const did = alice.assertDid
  const answers = {}
  const know = async (method, body, more) => {
    answers[method] = { status: 200, body, rev, ...more }
    // The app view may be starting.
    for (let tries = 50; ; tries--) {
      try {
        return await fetch(`${view}/answers`, { method: 'PUT', body: JSON.stringify(answers) })
      } catch (err) {
        if (!tries) throw err
        await new Promise((done) => setTimeout(done, 100))
      }
    }
  }
  let rev
  const old = await alice.post(post('what was there before'))
  ;({
    data: { rev },
  } = await alice.com.atproto.sync.getLatestCommit({ did }))

  // Preferences, through the agent's own methods.
  await alice.setAdultContentEnabled(true)
  await alice.setPersonalDetails({ birthDate: new Date('1990-02-03') })
  await alice.addSavedFeeds([{ type: 'timeline', value: 'following', pinned: true }])
  const prefs = await alice.getPreferences()
  check(prefs.moderationPrefs.adultContentEnabled === true, 'adult content')
  check(prefs.birthDate?.toISOString() === '1990-02-03T00:00:00.000Z', 'birth date')
  check(prefs.savedFeeds.length === 1, 'saved feeds')
  const { data } = await alice.app.bsky.actor.getPreferences()
  const age = data.preferences.find((p) => p.$type === 'app.bsky.actor.defs#declaredAgePref')
  check(age?.isOverAge18 === true, 'declared age')
  await refused(alice.app.bsky.actor.putPreferences({ preferences: [{ $type: 'com.example.other' }] }), 'InvalidRequest', 'another namespace')

  // The profile.
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNgYAAAAAIAAV6NC14AAAAASUVORK5CYII=', 'base64')
  const { data: up } = await alice.uploadBlob(png, { encoding: 'image/png' })
  await alice.upsertProfile(() => ({ displayName: 'New name', avatar: up.blob }))
  await know('app.bsky.actor.getProfile', { did, handle: `${name}.test`, displayName: 'Old name', postsCount: 1 })
  const profile = await alice.getProfile({ actor: did })
  check(profile.data.displayName === 'New name' && profile.data.postsCount === 1, 'profile')
  check(Number(profile.headers['atproto-upstream-lag']) >= 0, 'lag')
  const picture = await fetch(profile.data.avatar)
  check(picture.status === 200 && picture.headers.get('content-type') === 'image/png', `avatar ${profile.data.avatar}`)
  await know('app.bsky.actor.getProfiles', { profiles: [{ did, handle: `${name}.test` }, { did: bob.assertDid, handle: `${name}-b.test` }] })
  const profiles = await alice.getProfiles({ actors: [did, bob.assertDid] })
  check(profiles.data.profiles[0].displayName === 'New name' && !profiles.data.profiles[1].displayName, 'profiles')

  // Posts with every kind of embed.
  const image = { image: up.blob, alt: 'a', aspectRatio: { width: 1, height: 1 } }
  const mp4 = Buffer.concat([Buffer.from('000000186674797069736f6d0000020069736f6d61766331', 'hex'), Buffer.alloc(100)])
  const { data: film } = await alice.uploadBlob(mp4, { encoding: 'video/mp4' })
  const record = { $type: 'app.bsky.embed.record', record: old }
  const images = { $type: 'app.bsky.embed.images', images: [image] }
  const embeds = {
    images,
    video: { $type: 'app.bsky.embed.video', video: film.blob, alt: 'v' },
    gallery: { $type: 'app.bsky.embed.gallery', items: [{ $type: 'app.bsky.embed.gallery#image', ...image }] },
    external: { $type: 'app.bsky.embed.external', external: { uri: 'https://a.test', title: 't', description: 'd', thumb: up.blob } },
    record,
    recordWithMedia: { $type: 'app.bsky.embed.recordWithMedia', record, media: images },
  }
  await know('app.bsky.feed.getPosts', {
    posts: [{ ...old, author: { did, handle: `${name}.test` }, record: post('what was there before'), indexedAt: new Date().toISOString() }],
  })
  const feed = { feed: [{ post: answers['app.bsky.feed.getPosts'].body.posts[0] }], cursor: 'c' }
  await know('app.bsky.feed.getTimeline', feed)
  await know('app.bsky.feed.getAuthorFeed', feed)
  for (const [kind, embed] of Object.entries(embeds)) {
    const made = await alice.post(post(kind, { embed }))
    for (const answer of [await alice.getTimeline(), await alice.getAuthorFeed({ actor: did })]) {
      const [top] = answer.data.feed
      check(top.post.uri === made.uri && top.post.cid === made.cid && top.post.record.text === kind, `${kind}: on top is ${top.post.uri}`)
      check(top.post.embed?.$type === `${embed.$type}#view`, `${kind}: shown as ${top.post.embed?.$type}`)
      check(top.post.author.displayName === 'New name' && top.post.likeCount === 0, `${kind}: author and counts`)
    }
  }
  const theirs = await bob.getTimeline()
  check(theirs.data.feed.length === 1, "another's timeline")

  // Threads.
  const reply = await alice.post(post('a reply', { reply: { root: old, parent: old } }))
  const another = await alice.post(post('another', { reply: { root: old, parent: reply } }))
  const thread = { thread: { $type: 'app.bsky.feed.defs#threadViewPost', ...feed.feed[0], replies: [] } }
  await know('app.bsky.feed.getPostThread', thread)
  const shown = (await alice.getPostThread({ uri: old.uri })).data.thread
  check(shown.replies[0].post.uri === reply.uri && shown.replies[0].replies[0].post.uri === another.uri, 'thread with replies')
  await know('app.bsky.feed.getPostThread', { error: 'NotFound', message: 'Post not found' }, { status: 400 })
  const own = (await alice.getPostThread({ uri: another.uri })).data.thread
  check(own.post.uri === another.uri && own.parent.post.uri === reply.uri, 'thread of a new post')
  await refused(bob.getPostThread({ uri: another.uri }), 'NotFound', "another's new post")

  // The app view has caught up.
  ;({
    data: { rev },
  } = await alice.com.atproto.sync.getLatestCommit({ did }))
  await know('app.bsky.feed.getTimeline', feed)
  const after = await alice.getTimeline()
  check(after.data.feed.length === 1 && !after.headers['atproto-upstream-lag'], 'when all has been seen')

  // What has no route goes to the app view, or to whom the client names.
  await know('app.bsky.graph.getMutes', { mutes: [] })
  check((await alice.app.bsky.graph.getMutes({ limit: 5 })).data.mutes.length === 0, 'a method that is passed on')
  const named = alice.withProxy('bsky_appview', 'did:web:appview.test')
  check((await named.app.bsky.graph.getMutes()).data.mutes.length === 0, 'by its name')
  await refused(alice.withProxy('x', 'did:web:nobody.invalid').app.bsky.graph.getMutes(), 'InvalidRequest', 'a service that there is not')
  await know('com.atproto.repo.getRecord', { uri: old.uri, cid: old.cid, value: { did: 'did:web:feeds.test' } })
  await know('app.bsky.feed.getFeed', { feed: [] })
  const feedURI = `at://${did}/app.bsky.feed.generator/cats`
  check((await alice.app.bsky.feed.getFeed({ feed: feedURI })).data.feed.length === 0, 'a feed that somebody makes')
  await know('app.bsky.graph.getBlocks', { error: 'Odd', message: 'so it is' }, { status: 500 })
  await refused(alice.app.bsky.graph.getBlocks(), 'Odd', 'an error of the app view')
  await refused(new AtpAgent({ service: server }).app.bsky.graph.getMutes(), 'AuthMissing', 'nobody')
  end('read after write, preferences and what is passed on')
}
