"""PrivFedTalk's loss terms on the face that a step predicts, one a file.

They read x̂_0 = a_t x_t - s_t v̂, the mean of the faces that a noisy latent could stem from: near the truth at low
noise, a blur of all faces at high noise, where distances between faces mean nothing. So a window's term is weighted by
a_t² (`LocalStep.signal`), the share of the noisy latents' variance that is signal: 1 at the truth, 0 in pure noise.
All networks are the method's own, frozen; none that scores rows is read.
"""
