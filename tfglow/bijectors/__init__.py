"""Glow's layers as TFP bijectors; `forward` goes from data to latent."""

from tfglow.bijectors.actnorm import ActNorm
from tfglow.bijectors.additive_coupling import AdditiveCoupling
from tfglow.bijectors.affine_coupling import AffineCoupling
from tfglow.bijectors.flow_step import FlowStep
from tfglow.bijectors.flow_steps import FlowSteps
from tfglow.bijectors.gaussian_split import GaussianSplit
from tfglow.bijectors.glow_flow import GlowFlow
from tfglow.bijectors.invertible_1x1_conv import Invertible1x1Conv
from tfglow.bijectors.one_pass_bijector import OnePassBijector
from tfglow.bijectors.reverse_channels import ReverseChannels
from tfglow.bijectors.shuffle_channels import ShuffleChannels
from tfglow.bijectors.squeeze import Squeeze
from tfglow.bijectors.top_prior import TopPrior

__all__ = [
    "ActNorm",
    "AdditiveCoupling",
    "AffineCoupling",
    "FlowStep",
    "FlowSteps",
    "GaussianSplit",
    "GlowFlow",
    "Invertible1x1Conv",
    "OnePassBijector",
    "ReverseChannels",
    "ShuffleChannels",
    "Squeeze",
    "TopPrior",
]
